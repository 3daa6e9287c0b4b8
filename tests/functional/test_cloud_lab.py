"""The cloud driver in Salt's own loader, against a real key store and a socket that plays the lab's daemon.

What a node does by itself (making a key, asking the master) is done here by the socket; tests/lab has real nodes.
"""

from __future__ import annotations

import json
import shutil
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import salt.cloud
import salt.config
import salt.loader
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from salt.exceptions import SaltCloudSystemExit

from saltern import enrolment
from saltern.errors import SalternError
from saltern_salt import building

ROOT = Path(__file__).parents[2]
NODE = "general-aaaaaa"


def public_pem() -> str:
    key = rsa.generate_private_key(65537, 2048).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


OWN, FOREIGN = public_pem(), public_pem()


class Lab(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """The daemon's methods over a dictionary of nodes. A node that is created sends ``arrives`` to the master."""

    daemon_threads = True

    def __init__(self, directory: Path, pki: Path) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.pki, self.own, self.arrives = pki, OWN, OWN
        self.stuck = False  # whether destroy fails
        super().__init__(str(directory / "cloud.sock"), Handler)

    def do(self, method: str, params: dict[str, Any]) -> Any:
        name = params.get("name", "")
        if method == "create":
            self.nodes[name] = {**params, "id": "0" * 32, "state": "running", "ipv4": "10.99.0.129", "ipv6": "fd5a::1"}
            if self.arrives:
                (self.pki / "minions_pre" / name).write_text(self.arrives)
        if method in ("list", "sizes", "images"):
            return list(self.nodes.values()) if method == "list" else [{"name": "small"}]
        if name not in self.nodes or (method == "destroy" and self.stuck):
            raise KeyError(name)
        if method == "minion_key":
            if self.nodes[name]["state"] != "running":
                raise KeyError(name)
            return self.own or None
        return self.nodes.pop(name) if method == "destroy" else self.nodes[name]


class Handler(socketserver.StreamRequestHandler):
    """One request."""

    server: Lab

    def handle(self) -> None:
        request = json.loads(self.rfile.readline())
        try:
            answer = {"result": self.server.do(request["method"], request["params"])}
        except KeyError as error:
            answer = {"error": f"There is no node {error}."}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """/etc/salt of a master with a key pair and without minions."""
    etc, pki = tmp_path / "salt", tmp_path / "salt/pki/master"
    shutil.copytree(ROOT / "support" / "etc", etc)
    for name in ("master", "cloud"):
        (etc / name).touch()
    for name in ("minions", "minions_pre", "minions_rejected", "minions_denied", "minions_autosign"):
        (pki / name).mkdir(parents=True)
    (pki / "master.pub").write_text(public_pem())
    file = etc / "master.d/saltern.conf"
    text = file.read_text().replace("/srv/saltern", str(ROOT)).replace("/etc/salt/pki/master", str(pki))
    file.write_text(text.replace("/var/cache/salt/master", str(tmp_path / "cache")))
    (tmp_path / "run").mkdir()
    (tmp_path / "cache").mkdir()
    (etc / "master.d/node.conf").write_text(f"id: m\nsock_dir: {tmp_path / 'run'}\n")
    return etc


@pytest.fixture
def lab(tmp_path: Path, etc: Path) -> Iterator[Lab]:
    with Lab(tmp_path, etc / "pki/master") as lab:
        threading.Thread(target=lab.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield lab
        lab.shutdown()


@pytest.fixture
def driver(etc: Path, lab: Lab, tmp_path: Path) -> Any:
    provider = {"saltern": {"driver": "lab", "socket": lab.server_address}}
    profile = {"general": {"provider": "saltern", "image": "base", "size": "small", "deploy": False}}
    for file, content in (("cloud.providers.d/saltern.conf", provider), ("cloud.profiles.d/saltern.conf", profile)):
        (etc / file).parent.mkdir()
        (etc / file).write_text(json.dumps(content))
    opts = salt.config.cloud_config(str(etc / "cloud"))
    opts.update(extension_modules=str(tmp_path / "extmods"))
    return salt.loader.clouds(opts)


def vm(**changes: Any) -> dict[str, Any]:
    profile = {
        "name": NODE,
        "provider": "saltern:lab",
        "driver": "lab",
        "profile": "general",
        "image": "base",
        "resources": {"cpus": 1, "memory": 1 << 28, "disk": 1 << 30},
        "networks": ["10.99.0.128/25"],
        "minion": {"master": "10.99.0.10", "grains": {"role": ["nomad-client"]}, "tcp_keepalive": True},
        "enrolment_expiry": 2,
    }
    return {**profile, **changes}


def keys(lab: Lab, state: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in (lab.pki / state).iterdir()}


def test_the_proved_key_is_accepted_and_the_node_told(driver: Any, lab: Lab) -> None:
    made = driver["lab.create"](vm())
    assert made["fingerprint"] == enrolment.fingerprint(OWN)
    assert made["private_ips"] == ["10.99.0.129", "fd5a::1"]
    assert keys(lab, "minions") == {NODE: OWN}
    assert keys(lab, "minions_pre") == {}
    userdata = lab.nodes[NODE]["userdata"]
    assert userdata["master_finger"] == enrolment.fingerprint((lab.pki / "master.pub").read_text())
    assert userdata["grains"] == {"role": ["nomad-client"]}
    assert userdata["minion"] == {"tcp_keepalive": True}


def test_a_foreign_key_is_left_waiting_and_the_node_removed(driver: Any, lab: Lab) -> None:
    lab.arrives = FOREIGN
    with pytest.raises(SaltCloudSystemExit, match="not the node's own"):
        driver["lab.create"](vm())
    assert lab.nodes == {}
    assert keys(lab, "minions") == {}
    assert keys(lab, "minions_pre") == {NODE: FOREIGN}


@pytest.mark.parametrize(("own", "arrives"), [("", ""), (OWN, ""), ("", FOREIGN), ("rubbish", "")])
def test_a_node_that_proves_nothing_in_time_is_removed(driver: Any, lab: Lab, own: str, arrives: str) -> None:
    lab.own, lab.arrives = own, arrives
    with pytest.raises(SaltCloudSystemExit):
        driver["lab.create"](vm(enrolment_expiry=0.3))
    assert lab.nodes == {}
    assert keys(lab, "minions") == {}
    assert keys(lab, "minions_pre") == ({NODE: FOREIGN} if arrives else {})


def test_its_own_key_that_came_too_late_goes_with_the_node(driver: Any, lab: Lab) -> None:
    with pytest.raises(SaltCloudSystemExit, match="in time"):
        driver["lab.create"](vm(enrolment_expiry=-1))
    assert lab.nodes == {}
    assert keys(lab, "minions_pre") == {}


@pytest.mark.parametrize("state", ["minions", "minions_pre"])
def test_nothing_is_created_under_an_id_that_has_a_key(driver: Any, lab: Lab, state: str) -> None:
    (lab.pki / state / NODE).write_text(FOREIGN)
    with pytest.raises(SaltCloudSystemExit, match="nothing was created"):
        driver["lab.create"](vm())
    assert lab.nodes == {}
    assert keys(lab, state) == {NODE: FOREIGN}


def test_a_removal_that_fails_too_is_told_with_both_causes(driver: Any, lab: Lab) -> None:
    lab.arrives, lab.stuck = FOREIGN, True
    with pytest.raises(SaltCloudSystemExit, match=r"not the node's own.*could not be removed.*salt-cloud -d"):
        driver["lab.create"](vm())
    assert keys(lab, "minions") == {}


@pytest.mark.parametrize("missing", ["image", "resources", "networks"])
def test_an_incomplete_profile_creates_nothing(driver: Any, lab: Lab, missing: str) -> None:
    with pytest.raises(SaltCloudSystemExit, match=missing):
        driver["lab.create"](vm(**{missing: None}))
    assert lab.nodes == {}


def test_destroy_ends_the_membership(driver: Any, lab: Lab, tmp_path: Path) -> None:
    driver["lab.create"](vm())
    driver["lab.destroy"](NODE, call="action")
    assert lab.nodes == {}
    assert keys(lab, "minions") == {}
    # salt-cloud's own cachedir would leave the master's session key as it is
    assert (tmp_path / "cache" / ".dfn").exists()


def test_a_node_that_is_down_is_destroyed_all_the_same(driver: Any, lab: Lab) -> None:
    driver["lab.create"](vm())
    lab.nodes[NODE]["state"] = "stopped"
    driver["lab.destroy"](NODE, call="action")
    assert lab.nodes == {}
    assert keys(lab, "minions") == {}


def test_the_support_server_does_not_remove_itself(driver: Any) -> None:
    for action in ("lab.destroy", "lab.stop", "lab.reboot"):
        with pytest.raises(SaltCloudSystemExit, match="support"):
            driver[action]("support", call="action")


def test_lists_are_plain_and_complete(driver: Any, lab: Lab) -> None:
    driver["lab.create"](vm())
    assert set(driver["lab.list_nodes"]()[NODE]) == {"id", "image", "size", "state", "private_ips", "public_ips"}
    assert driver["lab.list_nodes_min"]() == {NODE: {"id": "0" * 32, "state": "running"}}
    assert driver["lab.list_nodes_full"]()[NODE]["networks"] == ["10.99.0.128/25"]
    assert driver["lab.list_nodes_select"]() == {NODE: {"id": "0" * 32, "state": "running"}}
    assert driver["lab.show_instance"](NODE, call="action")["state"] == "running"
    assert set(driver["lab.avail_sizes"]()) == {"small"}
    assert set(driver["lab.avail_images"]()) == {"small"}
    assert set(driver["lab.avail_locations"]()) == {"host"}
    json.dumps(driver["lab.list_nodes_full"]())


def test_errors_are_those_that_spare_the_siblings(driver: Any, lab: Lab) -> None:
    with pytest.raises(SaltCloudSystemExit, match="no node"):
        driver["lab.show_instance"]("general-zzzzzz", call="action")
    with pytest.raises(SaltCloudSystemExit, match="--function"):
        driver["lab.list_nodes"](call="action")
    with pytest.raises(SaltCloudSystemExit, match="--action"):
        driver["lab.reboot"](NODE, call="function")
    lab.shutdown()
    lab.server_close()
    with pytest.raises(SaltCloudSystemExit, match="lab/up"):
        driver["lab.list_nodes"]()


def test_a_cloud_that_does_not_answer_is_not_an_empty_one(driver: Any, lab: Lab, etc: Path) -> None:
    driver["lab.create"](vm())
    client = salt.cloud.CloudClient(path=str(etc / "cloud"))
    assert building.machine_names(client) == {NODE}
    lab.shutdown()
    lab.server_close()
    with pytest.raises(SalternError, match="The cloud did not answer"):
        building.machine_names(client)


def test_without_a_provider_the_driver_does_not_load(etc: Path, tmp_path: Path) -> None:
    opts = salt.config.cloud_config(str(etc / "cloud"))
    opts.update(extension_modules=str(tmp_path / "extmods"))
    assert "lab.create" not in salt.loader.clouds(opts)
