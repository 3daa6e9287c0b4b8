"""Has every process of a node take the files that lie there, and looks at its ports until it does.

Decides and waits; whatever touches the machine or the master is a :class:`Tools` that the caller brings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from saltern.errors import SalternError, ServiceError, StepFailed
from saltern.model import LifeCycle, Node
from saltern.pki import serving
from saltern.pki.ports import TlsPort
from saltern.pki.serving import Effect, Finding
from saltern.waiting import until

RELOAD_SECONDS, RESTART_SECONDS, TURN_SECONDS = 20, 120, 600
MAXIMUM_PROBLEMS, MAXIMUM_CHARACTERS = 16, 500  # of a report to the master


class Tools(Protocol):
    """What the machine and the master do for :class:`Convergence`."""

    def runs(self, unit: str) -> bool:
        """Whether the unit runs and is ready."""

    def read(self, unit: str) -> Mapping[Effect, float]:
        """When the unit last started (``RESTART``), and last started or reloaded (``RELOAD``)."""

    def order(self, verb: str, unit: str) -> None:
        """Orders ``reload`` or ``restart``; returns when systemd has taken it."""

    def served(self, address: str, port: TlsPort) -> str:
        """The fingerprint that a port serves; raises ServiceError where nothing answers."""

    def works(self, unit: str) -> bool:
        """Whether the service behind the unit answers for its cluster: a leader is known, a Vault is open."""

    def leads(self, unit: str) -> bool:
        """Whether this node leads the service."""

    def turn(self, unit: str, leading: bool) -> str:
        """Asks for this node's turn to restart; empty when it was given, else why not."""

    def turn_done(self, unit: str) -> None:
        """Gives the turn back."""


@dataclass(frozen=True)
class Site:
    """What the node's pillar says of the cluster.

    :param servers: unit -> addresses of the servers of its quorum.
    """

    datacenter: str
    region: str
    seal: str
    servers: Mapping[str, tuple[str, ...]]


def place(pillar: Mapping[str, Mapping[str, object]]) -> tuple[Node, Site]:
    """The node and its cluster, from its pillar ``saltern``."""
    mine, cluster = dict(pillar["node"]), pillar["cluster"]
    fields = {name: str(mine[name]) for name in ("id", "group", "zone", "node_class", "ipv4", "ipv6")}
    role = mine["role"]
    node = Node(role=tuple(map(str, role if isinstance(role, list) else ())), state=LifeCycle.JOINED, **fields)
    servers = {unit: tuple(pillar[f"{unit}_servers"]) for unit in ("consul", "vault", "nomad")}
    return node, Site(str(cluster["datacenter"]), str(cluster["region"]), str(cluster["seal"]), servers)


class Convergence:
    """The processes of one node and its files.

    :param installed: ``application/name`` -> fingerprint of the certificate that lies there.
    :param ssl: the directory that they lie in.
    """

    def __init__(self, node: Node, site: Site, installed: Mapping[str, str], tools: Tools, ssl: Path) -> None:
        self._node, self._site, self._installed, self._tools, self._ssl = node, site, installed, tools, ssl

    def look(self) -> list[Finding]:
        """What processes do not serve or have not read. A unit that does not run has nothing to take."""
        return [one for unit in self._units() if self._tools.runs(unit) for one in self._of(unit)]

    def run(self) -> tuple[list[str], list[str]]:
        """Brings every process up to date: what was done, and the problems left. One does not stop the next."""
        done: list[str] = []
        problems: list[str] = []
        for unit in self._units():
            try:
                done += self._bring(unit) if self._tools.runs(unit) else []
            except SalternError as error:
                problems.append(str(error))
        return done, problems

    def _units(self) -> list[str]:
        mine = {use.unit for use in serving.uses(self._node, self._site)}
        return [unit for unit in serving.UNITS if unit in mine]

    def _of(self, unit: str) -> Iterator[Finding]:
        times = self._tools.read(unit)
        for use in serving.uses(self._node, self._site):
            if use.unit == unit and (path := self._ssl / f"{use.file}.pem").is_file():
                yield from serving.unread(use, path.stat().st_mtime, times)
        for port in serving.ports(self._node, self._site, unit):
            yield from self._at(port, unit)

    def _at(self, port: TlsPort, unit: str) -> Iterator[Finding]:
        wanted = self._installed.get(port.certificate)
        try:
            found = self._tools.served(self._node.address, port)
        except ServiceError as error:
            yield Finding("silent", port.certificate, f"{port.label} (port {port.number}): {error.what}", unit)
            return
        if wanted and found != wanted:
            reason = f"{port.label} (port {port.number}) serves {found[:23]}…, the file is {wanted[:23]}…"
            yield Finding("served", port.certificate, reason, unit, Effect.RELOAD)

    def _bring(self, unit: str) -> list[str]:
        effect = serving.needed(self._of(unit), unit)
        if effect is Effect.RELOAD:
            self._tools.order("reload", unit)
            try:
                self._until_settled(unit, RELOAD_SECONDS)
                return [f"{unit} was reloaded"]
            except StepFailed:
                if unit not in self._site.servers:
                    raise
                effect = Effect.RESTART
        if effect is Effect.RESTART:
            self._restart(unit)
            return [f"{unit} was restarted"]
        self._until_settled(unit, RELOAD_SECONDS)
        return []

    def _until_settled(self, unit: str, seconds: float) -> None:
        left: list[Finding] = []

        def settled() -> bool:
            left[:] = self._of(unit)
            return not left

        try:
            until(settled, unit, seconds=seconds, interval=0.3)
        except StepFailed as error:
            raise StepFailed(
                f"{unit} does not take its files: {'; '.join(one.reason for one in left)}",
                node=self._node.id,
                cure=f"journalctl -u {unit} there; then salt {self._node.id} node_cert.converge",
            ) from error

    def _restart(self, unit: str) -> None:
        """One node of a service at a time, while all other servers serve, the leader last."""
        if serving.restart_seals(self._node, self._site, unit):
            raise ServiceError(
                "Vault works with former files; only a restart changes that, and operators must unseal it after.",
                node=self._node.id,
                cure=f"with the operators at hand: systemctl restart {unit}, then salt-run cluster.unseal",
            )
        refusal = ""

        def granted() -> bool:
            nonlocal refusal
            refusal = self._tools.turn(unit, self._tools.leads(unit)) or self._absent(unit)
            return not refusal

        started = self._tools.read(unit)[Effect.RESTART]

        try:
            until(granted, f"the turn of {unit}", seconds=TURN_SECONDS, interval=1)
        except StepFailed as error:
            self._tools.turn_done(unit)
            raise StepFailed(
                f"{unit} needs a restart, but its turn did not come: {refusal}",
                node=self._node.id,
                cure="salt-run cluster.status; the node tries again at its next self-check",
            ) from error
        self._tools.order("restart", unit)
        until(
            partial(self._works, unit, started),
            f"{unit} to work after its restart",
            seconds=RESTART_SECONDS,
            cure=f"journalctl -u {unit} on {self._node.id}; no other node restarts it before the turn expires",
        )
        self._until_settled(unit, RELOAD_SECONDS)
        self._tools.turn_done(unit)

    def _works(self, unit: str, former: float) -> bool:
        """Whether a process that was started after ``former`` works."""
        started = self._tools.read(unit)[Effect.RESTART]
        return started > former and self._tools.runs(unit) and self._tools.works(unit)

    def _absent(self, unit: str) -> str:
        """Which other servers of the quorum do not serve: they are needed while this one is away."""
        servers = self._site.servers.get(unit, ())
        if self._node.address not in servers:
            return ""  # a client: nobody's quorum
        port = serving.ports(self._node, self._site, unit)[-1 if unit == "nomad" else 0]
        silent = []
        for address in servers:
            try:
                self._tools.served(address, port)
            except ServiceError:
                silent.append(address)
        return f"{', '.join(silent)} does not serve" if silent else ""
