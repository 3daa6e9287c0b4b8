"""The cluster on one page: nodes, Consul, Vault, Nomad, certificates, what of the bootstrap holds. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from saltern.members import Report as MemberReport
from saltern.prove.claims import Claim, Report, claim, silent, spoken, wrong
from saltern.prove.judge_ports import port_claims
from saltern.prove.judge_services import service_claims
from saltern.prove.observations import Observations
from saltern.prove.observations import gather as observe
from saltern.prove.view import ClusterView

FIRST_LINE_PROBLEMS = 2  # more do not fit into a line; the page names all
DEAD = ("failed", "left")  # a dead server is called "left" once Consul has taken it out of the quorum
VERIFIED = "verified"  # the journal's word for a step that holds
UNITS = (("d", 86400), ("h", 3600), ("min", 60))
Row = dict[str, Any]


class StepRecord(Protocol):
    """What the journal says of a step; ``at`` is Unix time."""

    @property
    def state(self) -> str:
        """``intent``, ``applied`` or ``verified``."""

    @property
    def at(self) -> float:
        """Since when, Unix time."""


@dataclass(frozen=True)
class Page:
    """One look at the cluster, as rows for people and programs. Ages and times to come are in seconds."""

    cluster: str
    at: float
    report: Report
    nodes: list[Row] = field(default_factory=list)
    consul: Row = field(default_factory=dict)
    vault: list[Row] = field(default_factory=list)
    nomad: Row = field(default_factory=dict)
    certificates: list[Row] = field(default_factory=list)
    steps: list[Row] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether every claim about the cluster is true."""
        return not self.report.not_proved

    def first_line(self) -> str:
        """``healthy`` or ``NOT healthy: …``."""
        if self.healthy:
            return "healthy"
        problems = [f"{node} does not answer" for node in silent(self.report.claims)]
        problems += [f"{one.title}: no, {one.evidence.rstrip('.')}" for one in spoken(self.report.claims)]
        more = len(problems) - FIRST_LINE_PROBLEMS
        named = "; ".join(problems[:FIRST_LINE_PROBLEMS])
        return f"NOT healthy: {named}" + (f"; and {more} more" if more > 0 else "")

    def data(self) -> Row:
        """Plain data."""
        return {
            "healthy": self.healthy,
            "cluster": self.cluster,
            "at": self.at,
            "problems": [one.data() for one in self.report.not_proved],
            "nodes": self.nodes,
            "consul": self.consul,
            "vault": self.vault,
            "nomad": self.nomad,
            "certificates": self.certificates,
            "bootstrap": self.steps,
        }

    def text(self) -> str:
        """The page."""
        blocks = [self.first_line(), f"cluster {self.cluster}"]
        blocks += _block("Nodes", _table(self.nodes, ("id", "role", "zone", "address", "state")))
        blocks += _block("Consul", _facts(self.consul))
        blocks += _block("Vault", _table(self.vault, ("node", "purpose", "state")))
        blocks += _block("Nomad", _facts(self.nomad) + _table(self.nomad.get("clients", []), CLIENT_COLUMNS))
        blocks += _block("Certificates", _table(_by_state(self.certificates), ("node", "state", "ports")))
        blocks += _block("Bootstrap", _progress(self.steps))
        if not self.healthy:
            blocks += _block("What is wrong", "\n".join(wrong(self.report.claims)).splitlines())
        return "\n".join(blocks)


CLIENT_COLUMNS = ("client", "state", "eligible", "drivers")


def gather(
    view: ClusterView,
    steps: Mapping[str, StepRecord | str] | None = None,
    reports: Sequence[MemberReport] = (),
) -> Page:
    """Look at everything at once, within about ten seconds also when nodes are down.

    :param steps: by name, what the journal says of each step of the bootstrap.
    :param reports: what nodes said about themselves.
    """
    return page(view, observe(view), steps or {}, reports)


def page(
    view: ClusterView,
    seen: Observations,
    steps: Mapping[str, StepRecord | str],
    reports: Sequence[MemberReport] = (),
) -> Page:
    """The page of what was seen. Pure."""
    told = _told(view, seen, reports)
    report = Report((*service_claims(view, seen), *port_claims(view, seen), *told))
    return Page(
        cluster=view.definition.name,
        at=seen.at,
        report=report,
        nodes=_nodes(view, seen),
        consul=_consul(seen),
        vault=_vault(view, seen),
        nomad=_nomad(seen),
        certificates=_certificates(view, seen),
        steps=_steps(steps, seen.at),
    )


def duration(seconds: float) -> str:
    """A time for people, in its largest unit: ``44 d``, ``3 h``, ``12 min``, ``5 s``."""
    for unit, size in UNITS:
        if abs(seconds) >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _told(view: ClusterView, seen: Observations, reports: Sequence[MemberReport]) -> list[Claim]:
    """A claim for every node that reported problems about itself."""
    ids = {node.id for node in view.nodes}
    return [
        claim(
            f"report.{one.node}",
            f"{one.node}: its processes take its certificates",
            f"{'; '.join(one.problems)} (since {duration(seen.at - one.since)}, told {duration(seen.at - one.at)} ago)",
            node=one.node,
            cure=f"salt {one.node} node_cert.converge; see docs/runbooks/certificates.md",
        )
        for one in reports
        if one.problems and one.node in ids
    ]


# What was seen, as rows


def _nodes(view: ClusterView, seen: Observations) -> list[Row]:
    """A node is up when one of its ports answers, unless Consul has given it up."""
    members = {member.name: member.state for member in seen.consul.value.members} if seen.consul.value else {}
    answers = {node for (node, _), look in seen.tls.items() if look.value is not None}
    rows = []
    for node in view.nodes:
        up = node.id in answers and members.get(node.id) not in DEAD
        state = "up" if up else "down"
        if up and members and node.id not in members:
            state = "up, unknown to Consul"
        row = {"id": node.id, "role": ", ".join(node.role), "zone": node.zone, "address": node.address}
        rows.append({**row, "state": state, "life_cycle": node.state.value})
    return rows


def _consul(seen: Observations) -> Row:
    found = seen.consul.value
    if found is None:
        return {"error": seen.consul.error}
    alive = [member for member in found.members if member.state == "alive"]
    voters = [f"{voter['Node']}{' (leader)' if voter.get('Leader') else ''}" for voter in found.voters]
    return {
        "leader": found.leader,
        "voters": ", ".join(voters),
        "alive": f"{len(alive)} of {len(found.members)} members",
    }


def _vault(view: ClusterView, seen: Observations) -> list[Row]:
    rows = []
    for node in view.vaults():
        look = seen.vault[node.id]
        state = look.value.name.lower() if look.value else "unreachable"
        rows.append({"node": node.id, "purpose": "seal" if view.is_transit(node) else "cluster", "state": state})
    return rows


def _nomad(seen: Observations) -> Row:
    found = seen.nomad.value
    if found is None:
        return {"error": seen.nomad.error}
    voters = [f"{voter['Node']}{' (leader)' if voter.get('Leader') else ''}" for voter in found.voters]
    clients = [
        {
            "client": row["Name"],
            "state": row["Status"],
            "eligible": row["SchedulingEligibility"],
            "drivers": ", ".join(_drivers(row.get("Drivers") or {})),
        }
        for row in sorted(found.nodes, key=lambda row: str(row["Name"]))
    ]
    return {"leader": found.leader, "voters": ", ".join(voters), "clients": clients}


def _drivers(drivers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return sorted(name for name, one in drivers.items() if one.get("Detected") and one.get("Healthy"))


def _certificates(view: ClusterView, seen: Observations) -> list[Row]:
    rows = []
    for node in view.nodes:
        for (name, port), look in seen.tls.items():
            if name != node.id:
                continue
            expires = look.value.expires if look.value else None
            left = expires - seen.at if expires else None
            state = f"expires in {duration(left)}" if left is not None else "nothing served"
            if look.value and look.value.problems:
                state += f", WRONG: {'; '.join(look.value.problems)}"
            rows.append({"node": name, "port": port, "state": state, "left": left})
    return rows


def _steps(steps: Mapping[str, StepRecord | str], now: float) -> list[Row]:
    rows = []
    for name, record in steps.items():
        age = None if isinstance(record, str) else now - record.at
        state = record if isinstance(record, str) else record.state
        rows.append({"step": name, "state": state, "age": age, "since": "" if age is None else f"{duration(age)} ago"})
    return rows


# Rows as text


def _by_state(certificates: Sequence[Row]) -> list[Row]:
    """A line for the ports of a node that serve alike."""
    ports: dict[tuple[str, str], list[int]] = {}
    for row in certificates:
        ports.setdefault((row["node"], row["state"]), []).append(row["port"])
    return [
        {"node": node, "state": state, "ports": "on " + ", ".join(map(str, sorted(numbers)))}
        for (node, state), numbers in ports.items()
    ]


def _progress(steps: Sequence[Row]) -> list[str]:
    """How far the bootstrap got, and the steps that it did not verify."""
    if not steps:
        return []
    verified = [row for row in steps if row["state"] == VERIFIED]
    ages = [row["age"] for row in steps if row["age"] is not None]
    last = f", the last {duration(min(ages))} ago" if ages else ""
    open_steps = [row for row in steps if row["state"] != VERIFIED]
    return [
        f"{len(verified)} step{'s' * (len(verified) != 1)} verified{last}",
        *_table(open_steps, ("step", "state", "since")),
    ]


def _block(title: str, lines: Sequence[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)] if lines else []


def _facts(row: Row) -> list[str]:
    facts = {key: value for key, value in row.items() if isinstance(value, str)}
    width = max(map(len, facts), default=0)
    return [f"{key:<{width}}  {value}" for key, value in facts.items()]


def _table(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    widths = [max(len(str(row.get(column, ""))) for row in rows) for column in columns] if rows else []
    return [
        "  ".join(f"{row.get(column, '')!s:<{width}}" for column, width in zip(columns, widths, strict=True)).rstrip()
        for row in rows
    ]
