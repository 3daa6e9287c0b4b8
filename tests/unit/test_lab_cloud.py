"""The client of the lab's daemon, over a real Unix socket."""

import json
import socketserver
import threading

import pytest

from saltern.clients.lab import LabCloud
from saltern.errors import LabError


@pytest.fixture
def daemon(tmp_path):
    """A socket that answers what the test says; remembers what was asked."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.server.asked.append(json.loads(self.rfile.readline()))
            self.wfile.write(self.server.answer)

    with socketserver.UnixStreamServer(str(tmp_path / "cloud.sock"), Handler) as server:
        server.asked, server.answer = [], b""
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cloud(daemon):
    return LabCloud(daemon.server_address, patience=5)


def test_a_create_is_one_line_with_everything_in_its_place(daemon, cloud):
    daemon.answer = b'{"result": {"name": "a-1", "ipv4": "10.99.0.2"}}\n'
    size = {"cpus": 1, "memory": 5, "disk": 6}
    made = cloud.create("a-1", image="base", size=size, networks=("10.99.0.0/25",), userdata={"master": "m"})
    assert made["ipv4"] == "10.99.0.2"
    params = {"name": "a-1", "image": "base", "size": size, "networks": ["10.99.0.0/25"], "userdata": {"master": "m"}}
    assert daemon.asked == [{"method": "create", "params": params}]


@pytest.mark.parametrize(("answer", "key"), [(b'{"result": null}\n', ""), (b'{"result": "PEM"}\n', "PEM")])
def test_no_key_yet_is_an_empty_text(daemon, cloud, answer, key):
    daemon.answer = answer
    assert cloud.minion_key("a-1") == key


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (b'{"error": "There is no such node."}\n', "no such node"),
        (b"", "no answer"),
        (b"[1]\n", "no answer"),
        (b"rubbish\n", "could not be asked"),
        (b'{"result": {"a": 1}}\n', "list of named"),
        (b'{"result": [{"image": "x"}]}\n', "list of named"),
    ],
)
def test_every_bad_answer_is_one_plain_error(daemon, cloud, answer, word):
    daemon.answer = answer
    with pytest.raises(LabError, match=word):
        cloud.nodes()


def test_without_a_daemon_the_error_says_how_to_start_it(tmp_path, daemon, cloud):
    with pytest.raises(LabError, match="lab/up"):
        LabCloud(str(tmp_path / "none.sock")).nodes()
    daemon.server_close()
    with pytest.raises(LabError, match="lab/up"):
        cloud.nodes()
