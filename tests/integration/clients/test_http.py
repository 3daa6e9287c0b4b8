"""What the one door to every API makes of bad certificates, bad answers and no answers."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from saltern.clients.http import Endpoint
from saltern.errors import ServiceError, ServiceRefused, ServiceUnreachable
from support_certificates import Root
from support_tls import https_server

SECRET = "5f1c1a52-8f2f-4a65-9c0e-0a53a1f0b7de"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Root:
    return Root(tmp_path_factory.mktemp("ssl"), "test")


def endpoint(root: Root, port: int, service: str = "Consul", timeout: float = 2.0) -> Endpoint:
    made = Endpoint(service, "127.0.0.1", port, ca_file=str(root.ca_file))
    made.timeout, made.node, made.token = timeout, "server-abc123", SECRET
    return made


def serve(root: Root, status: int, body: bytes = b"", headers: dict[str, str] | None = None):
    return https_server(root.leaf("good", ["127.0.0.1"], []), lambda *_: (status, body, headers or {}))


def test_data_comes_back(root):
    with serve(root, 200, b'{"a": 1}') as port:
        assert endpoint(root, port).get("/v1/x") == {"a": 1}


def test_nothing_there_is_none_only_for_find(root):
    with serve(root, 404) as port:
        assert endpoint(root, port).find("/v1/x") is None
        with pytest.raises(ServiceRefused) as refused:
            endpoint(root, port).get("/v1/x")
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b"Permission denied", "403: Permission denied"),
        (400, b'{"errors": ["one", "two"]}', "400: one; two"),
        (500, b"", "with 500"),
        (307, b"", "with 307"),
    ],
)
def test_an_error_says_what_where_and_what_to_do(root, status, body, words):
    with (
        serve(root, status, body, {"Location": "https://127.0.0.1:1/"}) as port,
        pytest.raises(ServiceRefused) as refused,
    ):
        endpoint(root, port).put("/v1/thing", {"a": "b"})
    text = str(refused.value)
    assert text.startswith("server-abc123: Consul refused PUT /v1/thing ") and words in text and "Cure: " in text


def test_no_secret_reaches_an_error(root):
    jwt, vault = "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl", "hvs.CAESIJ0123456789abcdefghij"
    share = "c2hhcmUtb2YtYW4tb3BlcmF0b3I="
    echo = f"bad token {SECRET} with {jwt} and {vault} and {share}".encode()
    with serve(root, 400, echo) as port, pytest.raises(ServiceRefused) as refused:
        endpoint(root, port).put("/v1/x", {"nested": [{"SecretID": share}]})
    text = str(refused.value) + refused.value.detail
    assert "bad token" in text
    assert not [secret for secret in (SECRET, jwt, vault, share) if secret in text]


def test_a_long_error_is_cut(root):
    with serve(root, 500, b"x" * 5000) as port, pytest.raises(ServiceRefused) as refused:
        endpoint(root, port).get("/v1/x")
    assert len(str(refused.value)) < 600


def test_it_waits_for_a_leader_but_not_for_ever(root):
    answers = [(500, b"No cluster leader", {}), (500, b"No cluster leader", {}), (200, b'"done"', {})]
    with https_server(root.leaf("good", ["127.0.0.1"], []), lambda *_: answers.pop(0)) as port:
        assert endpoint(root, port).get("/v1/x") == "done"
    with serve(root, 500, b"No cluster leader") as port, pytest.raises(ServiceRefused, match="No cluster leader"):
        endpoint(root, port, timeout=0.3).get("/v1/x")


def test_another_error_is_not_repeated(root):
    asked = []

    def reply(*request):
        asked.append(request)
        return 500, b"rpc error: broken", {}

    with https_server(root.leaf("good", ["127.0.0.1"], []), reply) as port, pytest.raises(ServiceRefused):
        endpoint(root, port).get("/v1/x")
    assert len(asked) == 1


def test_no_json_is_an_error_of_ours(root):
    with serve(root, 200, b"<html>") as port, pytest.raises(ServiceError, match="not JSON"):
        endpoint(root, port).get("/v1/x")


@pytest.mark.parametrize(
    ("addresses", "days", "reason"),
    [
        (["127.0.0.9"], (-1, 10), "IP address mismatch"),
        (["127.0.0.1"], (-10, -1), "expired"),
        (["127.0.0.1"], (1, 10), "not yet valid"),
    ],
)
def test_a_certificate_that_proves_nothing(root, addresses, days, reason):
    leaf = root.leaf("bad", addresses, ["localhost"], days=days)
    with https_server(leaf, lambda *_: (200, b"{}", {})) as port, pytest.raises(ServiceUnreachable) as error:
        endpoint(root, port).get("/v1/x")
    assert reason in str(error.value) and error.value.cure


def test_a_certificate_of_another_root(root, tmp_path):
    leaf = Root(tmp_path, "other").leaf("other", ["127.0.0.1"], [])
    with https_server(leaf, lambda *_: (200, b"{}", {})) as port, pytest.raises(ServiceUnreachable) as error:
        endpoint(root, port).get("/v1/x")
    assert "unable to get local issuer certificate" in str(error.value)


def test_plain_http_behind_the_port(root):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            inner, _ = listener.accept()
            with inner:
                inner.recv(1024)
                inner.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ServiceUnreachable, match="certificate that does not verify|cannot be reached"):
            endpoint(root, listener.getsockname()[1]).get("/v1/x")
        thread.join()


def test_nobody_listens(root):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServiceUnreachable, match="nobody listens") as error:
        endpoint(root, port, service="Vault").get("/v1/x")
    assert "journalctl -u vault" in error.value.cure


def test_a_silent_service_costs_no_more_than_the_timeout(root):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        with pytest.raises(ServiceUnreachable, match="no answer within"):
            endpoint(root, listener.getsockname()[1], timeout=0.5).get("/v1/x")
        assert time.monotonic() - began < 2


def test_a_root_that_is_not_there(root, tmp_path):
    made = Endpoint("Nomad", "127.0.0.1", 1, ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(ServiceUnreachable, match=r"none\.pem cannot be read"):
        made.get("/v1/x")
