"""``saltern.clients.docker`` and ``container_image.loaded`` over a Docker that answers on a socket of the test."""

import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from saltern.clients import docker
from saltern.errors import ServiceError

REFERENCE = "saltern/pause:1.0.0"


class Daemon(socketserver.ThreadingUnixStreamServer):
    """Holds images; an archive brings the image whose name it contains."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        self.images: set[str] = set()
        super().__init__(path, Answer)


class Answer(BaseHTTPRequestHandler):
    """Docker's two requests, as version 1.41 of its API has them."""

    server: Daemon

    def address_string(self) -> str:
        return "socket"

    def log_message(self, *args: object) -> None:
        """Nothing on the terminal."""

    def do_GET(self) -> None:
        found = self.path == f"/images/{REFERENCE.replace(':', '%3A')}/json" and REFERENCE in self.server.images
        self.reply(200 if found else 404, b'{"Id": "x"}' if found else b'{"message": "No such image"}')

    def do_POST(self) -> None:
        archive = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/images/load?quiet=1"
        if archive == b"broken":
            self.reply(500, b'{"message": "unexpected EOF"}')
            return
        self.server.images.add(archive.decode())
        self.reply(200, b'{"stream": "Loaded"}')

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[str]:
    with Daemon(str(tmp_path / "docker.sock")) as daemon:
        threading.Thread(target=daemon.serve_forever, args=(0.05,), daemon=True).start()
        yield str(tmp_path / "docker.sock")
        daemon.shutdown()


def archive(tmp_path: Path, content: str) -> Path:
    file = tmp_path / "image.tar"
    file.write_text(content)
    return file


def test_an_image_is_loaded(path, tmp_path):
    assert docker.has_image(REFERENCE, path) is False
    docker.load_image(REFERENCE, archive(tmp_path, REFERENCE), path)
    assert docker.has_image(REFERENCE, path) is True


@pytest.mark.parametrize(("content", "words"), [("broken", "unexpected EOF"), ("other/image:1", "did not get")])
def test_an_archive_that_does_not_bring_it_is_an_error(path, tmp_path, content, words):
    with pytest.raises(ServiceError, match=words):
        docker.load_image(REFERENCE, archive(tmp_path, content), path)


def test_a_missing_archive_is_an_error(path, tmp_path):
    with pytest.raises(ServiceError, match=r"image\.tar is missing"):
        docker.load_image(REFERENCE, tmp_path / "image.tar", path)


def test_a_dead_docker_is_an_error_that_names_the_socket(tmp_path):
    with pytest.raises(ServiceError, match=r"nowhere\.sock"):
        docker.has_image(REFERENCE, str(tmp_path / "nowhere.sock"))
