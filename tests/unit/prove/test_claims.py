"""Every thing that can be wrong turns just its own claim red, and the report says so to people and programs."""

from __future__ import annotations

import copy
import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from saltern import status
from saltern.clients.consul import Member
from saltern.clients.vault import Health
from saltern.journal import StepRecord
from saltern.members import Report as MemberReport
from saltern.model import Custody, Definition, Group, Node
from saltern.pki.ports import tls_ports
from saltern.pki.tls_probe import probe
from saltern.prove import Claim, ClusterView, Report, Result
from saltern.prove.judge_ports import port_claims
from saltern.prove.judge_services import service_claims
from saltern.prove.observations import CanarySeen, ConsulSeen, NomadSeen, Observations, TlsSeen
from saltern.prove.view import Seen, attempt

NOW, DAY, DIGEST = 1_800_000_000.0, 86400.0, "d" * 64
SERVER = ("consul-server", "vault", "nomad-server")
ROLES = {"s1": SERVER, "s2": SERVER, "s3": SERVER, "c1": ("nomad-client",), "support": ("support",)}


def definition(seal: str = "transit") -> Definition:
    counts = {"server": (SERVER, 3), "client": (("nomad-client",), 1), "support": (("support",), 1)}
    groups = {
        name: Group(name, role, "core", "general", count, "small", "base") for name, (role, count) in counts.items()
    }
    custody = Custody(1, ("a",))
    return Definition("t", "dc1", "global", "lab", ("ipv4",), seal, "lan", custody, {}, {}, {}, groups, 1, 1, 5)


def view(seal: str = "transit") -> ClusterView:
    nodes = [
        Node(name, "g", role, "core", "general", f"10.0.0.{number}")
        for number, (name, role) in enumerate(ROLES.items())
    ]
    return ClusterView(definition(seal), nodes, {}, canary_digest=DIGEST)


def healthy(at: ClusterView) -> Observations:
    """What is seen of a cluster in which all is well."""
    voters = [{"Node": name, "Leader": name == "s1"} for name in ("s1", "s2", "s3")]
    fit = dict.fromkeys(("s1", "s2", "s3"), True)
    members = [Member(name, "", "alive", name.startswith("s")) for name in ROLES]
    client = {"Name": "c1", "Status": "ready", "SchedulingEligibility": "eligible", "Drivers": {}}
    seen = Observations(at=NOW)
    seen.consul = Seen(ConsulSeen("10.0.0.0:8300", voters, fit, members, []))
    seen.nomad = Seen(NomadSeen("10.0.0.0:4647", voters, fit, [client]))
    seen.canary = Seen([CanarySeen("c1", "10.0.0.3 port 20001", {"marker": DIGEST, "vault": "10.0.0.1:8200"})])
    for node in at.nodes:
        for port in tls_ports(node, at.definition):
            alert = "certificate required" if port.mutual else ""
            seen.tls[node.id, port.number] = Seen(TlsSeen((), NOW + 30 * DAY, port.mutual, alert))
        seen.plain[node.id, 8500] = Seen(None, "refused")
        seen.plain[node.id, 8501] = Seen((400, "Client sent an HTTP request to an HTTPS server."))
        seen.anonymous["consul", node.id] = Seen([])
    for node in at.vaults():
        seen.vault[node.id] = Seen(Health.STANDBY if node.id in ("s2", "s3") else Health.ACTIVE)
    for name in ("s1", "s2", "s3"):
        seen.jwks[name] = Seen(1)
    return seen


def judged(at: ClusterView, seen: Observations) -> dict[str, Claim]:
    report = Report((*service_claims(at, seen), *port_claims(at, seen)))
    assert len({claim.name for claim in report.claims}) == len(report.claims), "a name is one claim's"
    assert all(claim.cure for claim in report.not_proved), "what is wrong has a cure"
    return {claim.name: claim for claim in report.not_proved}


@pytest.mark.parametrize("seal", ["transit", "shamir"])
def test_all_is_well(seal):
    assert judged(view(seal), healthy(view(seal))) == {}


def member(seen: Observations, name: str, state: str) -> None:
    members = [replace(one, state=state) if one.name == name else one for one in seen.consul.value.members]
    seen.consul = Seen(replace(seen.consul.value, members=members))


def voters(seen: Observations, service: str, change: Callable[[list], object]) -> None:
    found = copy.deepcopy(getattr(seen, service).value)
    change(found.voters)
    setattr(seen, service, Seen(found))


def unfit(seen: Observations, service: str) -> None:
    value = getattr(seen, service).value
    setattr(seen, service, Seen(replace(value, healthy={**value.healthy, "s3": False})))


def client(seen: Observations, **changes: str) -> None:
    value = seen.nomad.value
    seen.nomad = Seen(replace(value, nodes=[{**value.nodes[0], **changes}]))


def canary(seen: Observations, **lines: str) -> None:
    seen.canary = Seen([replace(seen.canary.value[0], lines={**seen.canary.value[0].lines, **lines})])


def tls(seen: Observations, where: tuple[str, int], **changes: object) -> None:
    seen.tls[where] = Seen(replace(seen.tls[where].value, **changes))


GONE = Seen(None, "cannot be reached", "look at it")
WRONG = {
    "a Consul voter is missing": (lambda s: voters(s, "consul", list.pop), {"consul.voters": "2 voters"}),
    "a Consul voter too many": (
        lambda s: voters(s, "consul", lambda rows: rows.append({"Node": "x"})),
        {"consul.voters": "4 voters; voters that are not registered: x"},
    ),
    "a Consul server is ill": (lambda s: unfit(s, "consul"), {"consul.voters": "not healthy: s3"}),
    "a member failed": (lambda s: member(s, "c1", "failed"), {"consul.members": "c1 is failed"}),
    "a stranger is a member": (
        lambda s: s.consul.value.members.append(Member("x", "", "alive", False)),
        {"consul.members": "x is alive but not registered"},
    ),
    "the anonymous token has rights": (
        lambda s: s.consul.value.anonymous_rights.append("open"),
        {"consul.anonymous": "it has open"},
    ),
    "Consul is away": (
        lambda s: setattr(s, "consul", GONE),
        dict.fromkeys(("consul.voters", "consul.members", "consul.anonymous"), "cannot be reached"),
    ),
    "no Vault is active": (lambda s: s.vault.update(s1=Seen(Health.STANDBY)), {"vault.active": "0 are active"}),
    "two Vaults are active": (lambda s: s.vault.update(s2=Seen(Health.ACTIVE)), {"vault.active": "2 are active"}),
    "a standby is sealed": (lambda s: s.vault.update(s2=Seen(Health.SEALED)), {"vault.unsealed.s2": "it is sealed"}),
    "the transit Vault is sealed": (
        lambda s: s.vault.update(support=Seen(Health.SEALED)),
        {"vault.unsealed.support": "it is sealed"},
    ),
    "a Vault is away": (lambda s: s.vault.update(s3=GONE), {"vault.unsealed.s3": "cannot be reached"}),
    "a Nomad server is ill": (lambda s: unfit(s, "nomad"), {"nomad.voters": "not healthy: s3"}),
    "a Nomad client is down": (lambda s: client(s, Status="down"), {"nomad.client.c1": "it is down"}),
    "a Nomad client is set aside": (
        lambda s: client(s, SchedulingEligibility="ineligible"),
        {"nomad.client.c1": "it is ready but not eligible"},
    ),
    "a Nomad client is another": (
        lambda s: client(s, Name="x"),
        {"nomad.client.c1": "Nomad does not know it", "nomad.clients": "not registered: x"},
    ),
    "Nomad is away": (
        lambda s: setattr(s, "nomad", GONE),
        {"nomad.voters": "cannot be reached", "nomad.client.c1": "cannot be reached"},
    ),
    "the canary is away": (lambda s: s.canary.value.clear(), {"canary": "no instance passes its check in Consul"}),
    "the canary read another secret": (
        lambda s: canary(s, marker="x"),
        {"canary": "the one at 10.0.0.3 port 20001 serves another marker"},
    ),
    "the canary read nothing": (
        lambda s: canary(s, marker=""),
        {"canary": "the one at 10.0.0.3 port 20001 does not serve its marker"},
    ),
    "the canary found nothing": (
        lambda s: canary(s, vault=""),
        {"canary": "the one at 10.0.0.3 port 20001 did not find Vault in Consul"},
    ),
    "a certificate is wrong": (
        lambda s: tls(s, ("s1", 8501), problems=("it is expired", "of another root")),
        {"tls.s1.8501": "it is expired; of another root"},
    ),
    "a port is silent": (
        lambda s: s.tls.update({("s1", 8300): GONE}),
        {"tls.s1.8300": "cannot be reached", "mutual.s1.8300": "cannot be reached"},
    ),
    "an RPC port asks for no certificate": (
        lambda s: tls(s, ("s1", 4647), asked=False, refused=""),
        {"mutual.s1.4647": "it did not ask for one"},
    ),
    "an RPC port lets everyone in": (
        lambda s: tls(s, ("s1", 8300), refused=""),
        {"mutual.s1.8300": "it asked for one, then let the client in"},
    ),
    "Consul's plain port is open": (
        lambda s: s.plain.update({("c1", 8500): Seen((403, ""))}),
        {"plain.c1": "plain HTTP is answered on port 8500"},
    ),
    "an API answers plain HTTP": (
        lambda s: s.plain.update({("c1", 8501): Seen((200, "x"))}),
        {"plain.c1": "plain HTTP is answered on port 8501"},
    ),
    "an API shows something to anyone": (
        lambda s: s.anonymous.update({("consul", "c1"): Seen(["/v1/catalog/nodes"])}),
        {"anonymous.consul.c1": "it answers /v1/catalog/nodes"},
    ),
    "Nomad shows no keys": (lambda s: s.jwks.update(s2=Seen(0)), {"jwks.s2": "it shows no key"}),
}


@pytest.mark.parametrize("case", WRONG)
def test_one_thing_is_wrong(case):
    at = view()
    seen = healthy(at)
    spoil, expected = WRONG[case]
    spoil(seen)
    assert {name: claim.evidence for name, claim in judged(at, seen).items()} == expected


def test_a_marker_that_is_not_known_proves_nothing():
    at = replace(view(), canary_digest="")
    assert judged(at, healthy(at))["canary"].result is Result.UNKNOWN


def test_with_shamir_the_support_server_has_no_vault():
    assert [port.number for port in tls_ports(view("shamir").nodes[-1], definition("shamir"))] == [8501, 8443, 8888]
    assert [port.number for port in tls_ports(view().nodes[-1], definition())] == [8501, 8200, 8443, 8888]


def test_the_report():
    good, bad = (
        Claim("a", "A holds", Result.OK, "yes"),
        Claim("b", "B holds", Result.FALSE, "it does not", "n", "mend it"),
    )
    assert Report((good,)).exit_status == 0
    report = Report((bad, good), 1.25)
    assert (report.ok, report.exit_status) == (False, 1)
    assert report.text().splitlines() == [
        "ok       A holds (yes)",
        "false    B holds",
        "         seen: it does not",
        "         cure: mend it",
        "1 of 2 claims are true, looked at in 1.2 s",
    ]
    assert report.data()["claims"][0]["cure"] == "mend it" and report.data()["ok"] is False


def test_a_report_without_claims_proves_nothing():
    assert Report(()).exit_status == 1


def test_the_page_of_a_healthy_cluster():
    at = view()
    steps = {"a": StepRecord("a", "verified", NOW - 7200), "b": StepRecord("b", "intent", NOW - 60)}
    page = status.page(at, healthy(at), steps)
    lines = page.text().splitlines()
    assert lines[0] == "healthy"
    assert "  s1       expires in 30 d  on 4646, 4647, 8200, 8300, 8501, 8503" in lines
    assert "  support  seal     active" in lines
    assert "  1 step verified, the last 1 min ago" in lines and "  b  intent  1 min ago" in lines
    assert page.data()["bootstrap"][0] == {"step": "a", "state": "verified", "age": 7200.0, "since": "2 h ago"}


def test_the_page_of_a_sick_cluster():
    at = view()
    seen = healthy(at)
    seen.vault["s2"] = Seen(Health.SEALED)
    member(seen, "s3", "failed")
    for number in (8300, 8501):
        seen.tls["s3", number] = GONE
    page = status.page(at, seen, {})
    text = page.text()
    assert text.startswith("NOT healthy: All 5 nodes are alive in Consul: no, s3 is failed; s2: Vault is unsealed: no")
    assert text.splitlines()[0].endswith("no, it is sealed; and 3 more")
    assert "  s3       nothing served   on 8300, 8501" in text.splitlines()
    assert {row["id"]: row["state"] for row in page.nodes}["s3"] == "down"
    assert "What is wrong" in text and "cure: " in text


def silence(seen: Observations, name: str) -> None:
    """Everything that is asked of the node itself goes unanswered."""
    for looks in (seen.tls, seen.anonymous, seen.vault, seen.jwks):
        for key in looks:
            if name in (key if isinstance(key, tuple) else (key,)):
                looks[key] = Seen(None, "timed out.", "look at it")


def test_a_silent_node_is_told_in_one_line_and_nobody_else_is_accused():
    at = view()
    seen = healthy(at)
    member(seen, "s2", "failed")
    silence(seen, "s2")
    report = Report((*service_claims(at, seen), *port_claims(at, seen)))
    assert {one.name for one in report.not_proved if one.result is Result.FALSE} == {"consul.members"}
    lines = [line for line in report.text().splitlines() if not line.startswith("ok")]
    count = sum(one.result is Result.UNKNOWN for one in report.not_proved)
    assert count > 10
    assert lines[:2] == [
        f"unknown  s2 does not answer at all ({count} claims about it are unknown): docs/runbooks/node-down.md",
        "false    All 5 nodes are alive in Consul",
    ]
    assert len(lines) == 5  # evidence, cure and the sum
    assert report.exit_status == 1
    first = status.page(at, seen, {}).first_line()
    assert first == "NOT healthy: s2 does not answer; All 5 nodes are alive in Consul: no, s2 is failed"


def test_no_answer_is_unknown_and_an_answer_with_an_error_false():
    at = view()
    seen = healthy(at)
    seen.anonymous["consul", "c1"] = Seen(None, "gave no answer within 3 s.", "look at its load")
    seen.jwks["s1"] = Seen(None, "refused with 500", "look at it", answered=True)
    claims = judged(at, seen)
    assert {name: one.result for name, one in claims.items()} == {
        "anonymous.consul.c1": Result.UNKNOWN,
        "jwks.s1": Result.FALSE,
    }


def test_a_closed_port_is_false_a_silent_one_unknown():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number = listening.getsockname()[1]
        hangs = attempt(lambda: probe("127.0.0.1", number, timeout=0.2))
    closed = attempt(lambda: probe("127.0.0.1", number, timeout=0.2))
    assert (hangs.answered, closed.answered) == (False, True)


@pytest.mark.parametrize("word", ["failed", "left"])
def test_a_dead_node_is_down_whatever_consul_calls_it(word):
    at = view()
    seen = healthy(at)
    member(seen, "s2", word)
    assert {row["id"]: row["state"] for row in status.page(at, seen, {}).nodes}["s2"] == "down"


def test_a_node_that_consul_does_not_know():
    at = view()
    seen = healthy(at)
    seen.consul.value.members.pop()
    assert status.page(at, seen, {}).nodes[-1]["state"] == "up, unknown to Consul"


def test_without_consul_a_node_is_up_when_it_answers():
    at = view()
    seen = healthy(at)
    seen.consul = GONE
    for port in tls_ports(at.nodes[0], at.definition):
        seen.tls["s1", port.number] = GONE
    states = {row["id"]: row["state"] for row in status.page(at, seen, {}).nodes}
    assert states == {"s1": "down", "s2": "up", "s3": "up", "c1": "up", "support": "up"}


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (720, "12 min"), (3 * 3600, "3 h"), (44 * DAY, "44 d"), (-DAY, "-1 d")]
)
def test_times_for_people(seconds, text):
    assert status.duration(seconds) == text


def test_the_page_names_what_a_node_reports_about_itself():
    at = view("transit")
    reports = [
        MemberReport("s1", ("nomad needs a restart",), NOW - 7200, NOW - 60),
        MemberReport("s2", (), NOW - 7200, NOW - 60),
        MemberReport("gone", ("from a node that is no more",), NOW, NOW),
    ]
    page = status.page(at, healthy(at), {}, reports)
    (problem,) = page.report.not_proved
    assert problem.name == "report.s1" and "nomad needs a restart (since 2 h, told 1 min ago)" in problem.evidence
    assert "node_cert.converge" in problem.cure
    assert "nomad needs a restart" in page.text()
