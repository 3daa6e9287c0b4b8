"""A throwaway CA and an HTTPS server on the loopback interface."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Server:
    """Serves ``files``; ``truncate`` and ``redirect`` make it misbehave; ``requests`` holds what was asked."""

    def __init__(self, directory: Path) -> None:
        self.files: dict[str, bytes] = {}
        self.truncate: dict[str, int] = {}
        self.redirect: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.ca_file = str(directory / "ca.pem")
        _certificates(directory)
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *args: object) -> None:
                """Nothing on the terminal."""

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.pem", directory / "server-key.pem")
        self.httpd.socket = context.wrap_socket(self.httpd.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.httpd.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request, with ranges."""
        asked = request.headers.get("Range", "")
        self.requests.append((request.path, asked))
        if request.path in self.redirect:
            request.send_response(302)
            request.send_header("Location", self.redirect[request.path])
            request.end_headers()
            return
        content = self.files.get(request.path)
        if content is None:
            request.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
        if start >= len(content) and asked:
            request.send_error(416)
            return
        request.send_response(206 if asked else 200)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        end = self.truncate.pop(request.path, len(content))
        request.wfile.write(content[start:end])


def _certificates(directory: Path) -> None:
    """A root in ca.pem, and server.pem with server-key.pem for 127.0.0.1."""
    now = datetime.datetime.now(datetime.UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "throwaway root")])

    def builder(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(root, name, public, x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
        )

    ca = builder(root, root_key.public_key()).add_extension(x509.BasicConstraints(True, None), critical=True)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    leaf = builder(x509.Name([]), key.public_key()).add_extension(x509.SubjectAlternativeName([address]), critical=True)
    pem = serialization.Encoding.PEM
    (directory / "ca.pem").write_bytes(ca.sign(root_key, hashes.SHA256()).public_bytes(pem))
    (directory / "server.pem").write_bytes(leaf.sign(root_key, hashes.SHA256()).public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (directory / "server-key.pem").write_bytes(key.private_bytes(pem, *plain))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    directory = tmp_path / "tls"
    directory.mkdir()
    server = Server(directory)
    thread = threading.Thread(target=server.httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.httpd.shutdown()
    server.httpd.server_close()
    thread.join()
