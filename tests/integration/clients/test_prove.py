"""The prover and the status page against real services: green when all is well, red after each thing that breaks."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from saltern import prove, status
from saltern.errors import ServiceError
from saltern.model import Custody, Definition, Group, Node
from saltern.prove import ClusterView, Report
from saltern.waiting import until
from support_services import Bench
from support_tls import https_server

CONSUL_TOKEN, SEAL_TOKEN = str(uuid.uuid4()), str(uuid.uuid4())
MARKER = hashlib.sha256(b"marker").hexdigest()
SERVERS = (1, 2, 3)
NOMAD, CLIENT, SUPPORT = 1, 4, 5
LONGEST = 10.0  # seconds for a report, also when nodes are down


@dataclass
class Cluster:
    """A whole cluster of processes, and the hands that break it."""

    bench: Bench
    view: ClusterView

    def prove(self) -> Report:
        began = time.monotonic()
        report = prove.run(self.view)
        assert time.monotonic() - began < LONGEST
        return report

    def false(self) -> dict[str, str]:
        """Name and evidence of each claim that is not true."""
        return {claim.name: claim.evidence for claim in self.prove().not_proved}

    def heal(self) -> None:
        def green() -> bool:
            report = self.prove()
            if not report.ok:
                raise ServiceError("\n".join(claim.text() for claim in report.not_proved))
            return True

        until(green, "a green report", seconds=60)

    def process(self, name: str):
        return next(one for one in self.bench.processes if one.name == name)


@pytest.fixture(scope="module")
def cluster(bench: Bench) -> Iterator[Cluster]:
    for number in SERVERS:
        bench.consul(number, servers=3)
    for number in (CLIENT, SUPPORT):
        bench.consul(number, servers=3, server=False)
    bench.nomad(NOMAD, server=True)
    bench.nomad(CLIENT, server=False, client=True)
    _consul(bench)
    _nomad(bench)
    _vaults(bench)
    store = bench.leaf("support", SUPPORT, ["support"])
    web = http.server.ThreadingHTTPServer((bench.address(CLIENT), 0), functools.partial(_Canary, bench.address(1)))
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    nothing = lambda *_: (404, b"", {})  # noqa: E731
    address = bench.address(SUPPORT)
    with https_server(store, nothing, address, 8443), https_server(store, nothing, address, 8888):
        _register_canary(bench, web.server_port)
        yield Cluster(bench, _view(bench))
    web.shutdown()
    web.server_close()


class _Canary(http.server.BaseHTTPRequestHandler):
    """Serves what the canary's container would."""

    body = b""

    def __init__(self, vault: str, *arguments) -> None:
        self.vault = vault
        super().__init__(*arguments)

    def do_GET(self) -> None:
        body = f"marker {MARKER}\nvault {self.vault}:8200 \n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _view(bench: Bench) -> ClusterView:
    def group(name: str, role: tuple[str, ...], count: int) -> Group:
        return Group(name, role, "core", "general", count, "small", "base")

    groups = (
        group("server", ("consul-server", "vault"), 2),
        group("first", ("consul-server", "vault", "nomad-server"), 1),
        group("general", ("nomad-client",), 1),
        group("support", ("support",), 1),
    )
    roles = {1: groups[1].role, 2: groups[0].role, 3: groups[0].role, CLIENT: groups[2].role, SUPPORT: groups[3].role}
    nodes = [Node(f"node-{n}", "g", role, "core", "general", bench.address(n)) for n, role in roles.items()]
    definition = Definition(
        "test", "dc1", "global", "lab", ("ipv4",), "transit", "lan", Custody(1, ("a",)), {}, {}, {},
        {one.name: one for one in groups}, 86400, 86400, 5,
    )  # fmt: skip
    roots = {root: bench.ca_file(root) for root in bench.roots}
    return ClusterView(definition, nodes, roots, CONSUL_TOKEN, bench.tokens["nomad status"], MARKER)


def _consul(bench: Bench) -> None:
    management, anonymous = str(uuid.uuid4()), bench.consul_client(1)
    until(lambda: anonymous.leader() and len(anonymous.peers()) == len(SERVERS), "the Consul servers", seconds=60)
    until(lambda: anonymous.bootstrap_acl(management), "the ACL bootstrap", seconds=30)
    bench.tokens["consul"] = management
    consul = bench.consul_client(1, management)
    reading = 'acl = "read"\noperator = "read"\n'
    reading += "".join(f'{kind}_prefix "" {{ policy = "read" }}\n' for kind in ("agent", "node", "service"))
    consul.ensure_policy("status", reading)
    consul.ensure_token(CONSUL_TOKEN, "status", policies=["status"])
    for number in (*SERVERS, CLIENT, SUPPORT):
        token = str(uuid.uuid4())
        consul.ensure_token(token, f"agent {number}", node_identity=(f"node-{number}", "dc1"))
        bench.consul_client(number, management).set_agent_token("agent", token)


def _nomad(bench: Bench) -> None:
    management, anonymous = str(uuid.uuid4()), bench.nomad_client(NOMAD)
    until(anonymous.leader, "a Nomad leader", seconds=60)
    until(lambda: anonymous.bootstrap_acl(management), "the ACL bootstrap", seconds=30)
    bench.tokens["nomad"] = management
    nomad = bench.nomad_client(NOMAD, management)
    kinds = ("node", "agent", "operator")
    nomad.ensure_policy("status", "".join(f'{kind} {{ policy = "read" }}\n' for kind in kinds))
    bench.tokens["nomad status"] = nomad.create_token("status", "client", ["status"])["SecretID"]


def _vaults(bench: Bench) -> None:
    _transit_vault(bench)
    consul, token = bench.consul_client(1, bench.tokens["consul"]), str(uuid.uuid4())
    kinds = ("key", "service", "session", "agent")
    consul.ensure_policy("vault", "".join(f'{kind}_prefix "" {{ policy = "write" }}\n' for kind in kinds))
    consul.ensure_token(token, "vault", policies=["vault"])
    transit = {"address": f"https://{bench.address(SUPPORT)}:8200", "token": SEAL_TOKEN, "mount_path": "transit/"}
    transit |= {"key_name": "autounseal", "tls_ca_cert": bench.ca_file("vault")}
    for number in SERVERS:
        storage = {"address": f"{bench.address(number)}:8501", "scheme": "https", "path": "vault/", "token": token}
        storage["tls_ca_file"] = bench.ca_file("consul")
        bench.vault(number, {"consul": storage}, {"transit": transit})
    first = bench.vault_client(1)
    until(first.is_reachable, "Vault to listen", seconds=60)
    bench.tokens["vault"] = first.initialise(1, 1, recovery=True).root_token


def _transit_vault(bench: Bench) -> None:
    data = bench.directory / f"vault-{SUPPORT}" / "data"
    bench.vault(SUPPORT, {"raft": {"path": str(data), "node_id": "support", "performance_multiplier": 1}})
    transit = bench.vault_client(SUPPORT)
    until(transit.is_reachable, "the transit Vault", seconds=60)
    made = transit.initialise(1, 1, recovery=False)
    bench.tokens |= {"share": made.shares[0], "transit": made.root_token}
    transit.unseal(made.shares[0])
    until(lambda: transit.health().unsealed, "the transit Vault to open", seconds=30)
    root = bench.vault_client(SUPPORT, made.root_token)
    root.ensure_mount("transit", "transit")
    root.ensure_transit_key("autounseal")
    root.ensure_policy("autounseal", 'path "transit/*" { capabilities = ["update"] }\n')
    root.ensure_token(SEAL_TOKEN, policies=["autounseal"], period="24h")


def _register_canary(bench: Bench, port: int) -> None:
    agent = bench.consul_client(CLIENT, bench.tokens["consul"])
    service = {"Name": "canary", "Address": bench.address(CLIENT), "Port": port}
    agent.endpoint.put("/v1/agent/service/register", service)


def test_all_is_well(cluster):
    cluster.heal()
    report = cluster.prove()
    assert report.exit_status == 0 and len(report.claims) > 50
    names = {claim.name for claim in report.claims}
    assert {"tls.node-1.8300", "mutual.node-1.4647", "tls.node-5.8443", "canary", "vault.unsealed.node-5"} <= names
    page = status.gather(cluster.view)
    assert page.healthy and page.text().splitlines()[0] == "healthy"
    assert [row["state"] for row in page.nodes] == ["up"] * 5
    assert sorted(row["state"] for row in page.vault) == ["active", "active", "standby", "standby"]
    assert all(row["left"] > 0 for row in page.certificates)
    for secret in (CONSUL_TOKEN, *cluster.bench.tokens.values()):
        assert secret not in report.text() + page.text() + str(report.data()) + str(page.data()) + repr(cluster.view)


def test_a_server_that_is_killed(cluster):
    cluster.heal()
    killed = [cluster.process(name) for name in ("consul-3", "vault-3")]
    for process in killed:
        process.running.kill()
        process.running.wait()
    try:
        expected = {"consul.voters", "consul.members", "tls.node-3.8300", "tls.node-3.8200", "vault.unsealed.node-3"}

        def noticed() -> bool:  # all in one look: right after the kill Consul may be busy with its election
            false = cluster.false()
            named = "not healthy: node-3" in false.get("consul.voters", "")
            return named and expected <= set(false) and "tls.node-2.8300" not in false

        until(noticed, "everything about it, and nothing else, to be false", seconds=60)
        page = status.gather(cluster.view)
        assert page.text().startswith("NOT healthy: ")
        assert {row["id"]: row["state"] for row in page.nodes}["node-3"] == "down"
    finally:
        for process in killed:
            process.start()
    cluster.heal()


def test_a_node_that_hangs(cluster):
    """It takes connections and never says a word: worse than a dead one."""
    cluster.heal()
    role, address = ("consul-server", "vault", "nomad-server"), cluster.bench.address(9)
    lost = Node("lost", "server", role, "core", "general", address)
    view = replace(cluster.view, nodes=[*cluster.view.nodes, lost])
    with contextlib.ExitStack() as stack:
        for port in (4646, 4647, 8200, 8300, 8500, 8501, 8503):
            stack.enter_context(socket.create_server((address, port)))
        began = time.monotonic()
        report = prove.run(view)
    assert time.monotonic() - began < LONGEST
    false = {claim.name: claim for claim in report.not_proved}
    assert {"tls.lost.8300", "mutual.lost.8300", "anonymous.consul.lost", "vault.unsealed.lost", "jwks.lost"} <= set(
        false
    )
    assert all(claim.cure for claim in false.values())
    assert not [name for name in false if "node-" in name], "the others are still seen"


def test_a_wrong_certificate(cluster):
    cluster.heal()
    process, own = cluster.process("consul-2"), cluster.bench.directory / "ssl" / "consul"
    kept = {part: (own / f"consul-2{part}").read_bytes() for part in (".pem", "-key.pem")}
    cluster.bench.leaf("vault", 2, ["server.dc1.consul"])
    for part in kept:
        shutil.copy(cluster.bench.directory / "ssl" / "vault" / f"vault-2{part}", own / f"consul-2{part}")
    process.running.send_signal(1)  # SIGHUP: Consul reads its certificate again
    until(lambda: "tls.node-2.8501" in cluster.false(), "the wrong certificate to be seen", seconds=30)
    assert "consul root" in next(one.title for one in cluster.prove().not_proved if one.name == "tls.node-2.8501")
    for part, content in kept.items():
        (own / f"consul-2{part}").write_bytes(content)
    process.running.send_signal(1)
    cluster.heal()


def test_an_acl_of_consul_that_was_opened_by_hand(cluster):
    cluster.heal()
    consul = cluster.bench.consul_client(1, cluster.bench.tokens["consul"])
    path = "/v1/acl/token/00000000-0000-0000-0000-000000000002"
    consul.ensure_policy("open", 'node_prefix "" { policy = "read" }')
    consul.endpoint.put(path, {"Policies": [{"Name": "open"}]})
    until(lambda: "anonymous.consul.node-1" in cluster.false(), "the hole", seconds=60)
    false = cluster.false()
    assert false["consul.anonymous"] == "it has open"
    assert "/v1/catalog/nodes" in false["anonymous.consul.node-1"]
    consul.endpoint.put(path, {"Policies": []})
    cluster.heal()


def test_an_acl_of_nomad_that_was_opened_by_hand(cluster):
    cluster.heal()
    nomad = cluster.bench.nomad_client(NOMAD, cluster.bench.tokens["nomad"])
    nomad.ensure_policy("anonymous", 'namespace "default" { policy = "read" }')
    until(lambda: "anonymous.nomad.node-1" in cluster.false(), "the hole", seconds=60)
    assert "/v1/jobs" in cluster.false()["anonymous.nomad.node-1"]
    nomad.delete_policy("anonymous")
    cluster.heal()


def test_a_sealed_vault(cluster):
    cluster.heal()
    transit = cluster.bench.vault_client(SUPPORT, cluster.bench.tokens["transit"])
    transit.seal()
    assert cluster.false()["vault.unsealed.node-5"] == "it is sealed"
    assert transit.unseal(cluster.bench.tokens["share"]) is False
    cluster.heal()
    active = next(n for n in SERVERS if cluster.bench.vault_client(n).health().name == "ACTIVE")
    cluster.bench.vault_client(active, cluster.bench.tokens["vault"]).seal()
    assert cluster.false()[f"vault.unsealed.node-{active}"] == "it is sealed"
    process = cluster.process(f"vault-{active}")
    process.stop()
    process.start()
    cluster.heal()


def test_a_client_that_was_set_aside(cluster):
    cluster.heal()
    nomad = cluster.bench.nomad_client(NOMAD, cluster.bench.tokens["nomad"])
    node = nomad.nodes()[0]["ID"]
    nomad.set_eligibility(node, eligible=False)
    assert cluster.false() == {"nomad.client.node-4": "it is ready but not eligible"}
    nomad.set_eligibility(node, eligible=True)
    cluster.heal()


def test_a_canary_with_another_marker(cluster):
    cluster.heal()
    view = replace(cluster.view, canary_digest=hashlib.sha256(b"other").hexdigest())
    assert [(one.name, "another marker" in one.evidence) for one in prove.run(view).not_proved] == [("canary", True)]


def test_tokens_that_no_longer_work(cluster):
    view = replace(cluster.view, consul_token=str(uuid.uuid4()), nomad_token=str(uuid.uuid4()))
    false = {one.name for one in prove.run(view).not_proved}
    assert {"consul.voters", "consul.members", "nomad.voters", "nomad.client.node-4", "canary"} <= false
    assert not [name for name in false if name.startswith(("tls.", "vault."))]
