"""The signing core as a process: who may ask what, what a restart keeps, and that declarations are taken over."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import support_core
import support_pki
from saltern.clients.ca import Ca
from saltern.errors import CertificateError, SigningRefused
from saltern.pki import csr
from saltern.waiting import until
from support_pki import CLIENT, PASSPHRASE, SERVER

STRANGER = "nobody"
ASKS = """
import json, socket, sys
message = json.dumps({"op": "list", "id": 1, "uid": 0}).encode()
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    connection.sendall(len(message).to_bytes(4, "big") + message)
    print(connection.recv(65536)[4:].decode())
"""


@pytest.fixture
def made(tmp_path: Path) -> support_pki.Authority:
    return support_pki.authority(tmp_path)


@pytest.fixture
def ca(made: support_pki.Authority) -> Iterator[Ca]:
    with support_core.running(made) as core:
        yield core


def asked(node: support_pki.Node = CLIENT) -> list[dict[str, object]]:
    return [{"spec": spec.as_pillar(), "csr": csr.make(csr.make_key(), spec)} for spec in support_pki.specs(node)]


def test_what_was_signed_is_on_record(ca: Ca) -> None:
    signed = ca.call("sign_node", node=CLIENT.id, requests=asked())["certificates"]
    issued = ca.call("list", asker=CLIENT.id)["issued"]
    assert {one["name"] for one in issued} == set(signed)
    assert not any(one["revoked"] for one in issued)


def test_one_wrong_request_signs_none(ca: Ca) -> None:
    wrong = [*asked(), {"spec": asked(SERVER)[0]["spec"], "csr": "no request"}]
    with pytest.raises(SigningRefused):
        ca.call("sign_node", node=CLIENT.id, requests=wrong)
    assert ca.call("list")["issued"] == []


def test_a_revoked_leaf_stays_revoked_over_a_restart(made: support_pki.Authority) -> None:
    with support_core.running(made) as ca:
        ca.call("sign_node", node=CLIENT.id, requests=asked())
        serial = ca.call("list", limit=1)["issued"][0]["serial"]
        ca.call("revoke", serial=serial, reason="keyCompromise", by="root")
    with support_core.running(made) as ca:
        (entry,) = ca.call("list", serial=serial)["issued"]
        assert entry["revoked"]["reason"] == "keyCompromise"
        assert "BEGIN X509 CRL" in ca.call("crl", root=entry["root"])["crl"]


def test_without_its_key_it_signs_nothing_until_it_is_unlocked(made: support_pki.Authority) -> None:
    with support_core.running(made, key=b"") as ca:
        with pytest.raises(CertificateError, match="locked"):
            ca.call("sign_node", node=CLIENT.id, requests=asked())
        with pytest.raises(CertificateError, match="unlock key"):
            ca.call("unlock", key="another")
        ca.call("unlock", key=f"{PASSPHRASE.decode()}\n")
        assert ca.call("sign_node", node=CLIENT.id, requests=asked())["certificates"]


def test_another_user_gets_nothing() -> None:
    """The kernel tells the core who asks: nothing in the message can."""
    with tempfile.TemporaryDirectory(prefix="saltern-ca-") as directory:
        Path(directory).chmod(0o755)  # pytest's own are closed to others
        made = support_pki.authority(Path(directory))
        with support_core.running(made):
            asks = ["/usr/bin/python3", "-c", ASKS, made.places["socket"]]
            done = subprocess.run(asks, user=STRANGER, extra_groups=[], capture_output=True, text=True, check=False)
    assert "not open to this user" in done.stdout, done.stderr


@pytest.mark.parametrize("frame", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x02[]", b"\x00\x00\x00\x04nope", b"\x00\x00"])
def test_what_is_no_frame_ends_that_connection_alone(frame: bytes, ca: Ca, made: support_pki.Authority) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(made.places["socket"])
        connection.sendall(frame)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(10)
        assert connection.recv(100) == b""
    assert ca.call("state") == {"id": 1, "locked": False}


def test_a_changed_profile_counts_at_once_and_a_wrong_one_does_not(made: support_pki.Authority) -> None:
    profiles = made.directory / "profiles.yaml"
    shutil.copy(made.places["profiles"], profiles)
    with support_core.running(made, profiles=profiles) as ca:
        before = profiles.read_text()
        with pytest.raises(CertificateError, match="for clients"):
            ca.call("client_policy", root="support", profile="web")
        web = "usages: [server auth], askers: [clients], roots: [support], auth_key: web, dns: [.x]"
        profiles.write_text(f"{before}  web: {{{web}}}\n")
        until(lambda: ca.call("client_policy", root="support", profile="web"), "the new profile", seconds=10)
        profiles.write_text("profiles: nonsense")
        assert len(ca.call("client_policy", root="support", profile="web")["auth_key"]) == 64
