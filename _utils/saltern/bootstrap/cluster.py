"""What a step works with: definition, registry, journal, nodes, and clients that hold the right token."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from saltern import paths
from saltern.bootstrap import canary
from saltern.bootstrap.policies import MASTER_ROLE
from saltern.clients.consul import Consul
from saltern.clients.nomad import Nomad
from saltern.clients.vault import Health, Vault
from saltern.custody import Custody
from saltern.errors import Problem, ServiceError, StepFailed
from saltern.journal import Journal
from saltern.model import ROOTS, Definition, Node
from saltern.prove import ClusterView
from saltern.registry import Registry

LEASE = 15 * 60  # seconds that the master's Consul and Nomad tokens live


class Highstates(Protocol):
    """What a highstate did on one node."""

    @property
    def changed(self) -> tuple[str, ...]:
        """The states that changed something, or with ``test`` would."""

    @property
    def failed(self) -> tuple[str, ...]:
        """The states that failed, each with its reason."""


class Minions(Protocol):
    """The nodes through Salt; ``saltern_salt.minions.Minions`` is the real one."""

    def call(self, ids: list[str], function: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What ``function`` returned on each node; raises when one is silent or fails."""

    def facts(self, ids: list[str], function: str) -> dict[str, Any]:
        """The same without silent and failing nodes."""

    def highstate(self, ids: list[str], *, test: bool = False) -> Mapping[str, Highstates]:
        """Apply or preview the highstate on every node."""


@dataclass
class Cluster:
    """One cluster, seen from its support server."""

    definition: Definition
    minions: Minions
    preflight: Callable[[], list[Problem]]
    images: Callable[[str], dict[str, str]]  # where jobs find our image of a name: url, sha256, file, image
    say: Callable[[str], None]
    registry: Registry = field(default_factory=Registry)
    journal: Journal = field(default_factory=Journal)
    custody: Custody = field(default_factory=Custody)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _tokens: dict[str, str] = field(default_factory=dict)

    # Nodes
    @property
    def nodes(self) -> list[Node]:
        """Every registered node, the support server among them."""
        return self.registry.nodes()

    def having(self, role: str) -> list[Node]:
        """The nodes with ``role``."""
        return [node for node in self.nodes if node.has(role)]

    @property
    def support(self) -> Node:
        """The support server."""
        return self.having("support")[0]

    # Clients
    def consul(self, token: str | None = None, node: Node | None = None) -> Consul:
        """A client of one Consul agent (a server if not told), by default with the master's best token."""
        node = node or self._answering("consul-server", lambda one: bool(self.consul("", one).leader()))
        token = self.consul_token() if token is None else token
        return Consul(node.address, ca_file("consul"), token=token, node=node.id)

    def nomad(self, token: str | None = None, node: Node | None = None) -> Nomad:
        """A client of one Nomad server, by default with the master's best token."""
        node = node or self._answering("nomad-server", lambda one: bool(self.nomad("", one).leader()))
        token = self.nomad_token() if token is None else token
        return Nomad(node.address, ca_file("nomad"), token=token, node=node.id)

    def vault(self, node: Node, token: str = "") -> Vault:
        """A client of the Vault on ``node``."""
        return Vault(node.address, ca_file("vault"), token=token, node=node.id)

    def active_vault(self, token: str | None = None) -> Vault:
        """A client of the active Vault, by default with the master's best token."""
        node = self._active_vault_node()
        return self.vault(node, self.vault_token(node) if token is None else token)

    def _active_vault_node(self) -> Node:
        return self._answering("vault", lambda one: self.vault(one).health() is Health.ACTIVE)

    def _answering(self, role: str, ready: Callable[[Node], bool]) -> Node:
        problems = []
        for node in self.having(role):
            try:
                if ready(node):
                    return node
            except ServiceError as error:
                problems.append(str(error))
        detail = f" {problems[-1]}" if problems else ""
        raise ServiceError(
            f"No {role} is ready to work.{detail}", cure=f"salt-run cluster.status; look at the {role} units"
        )

    # Tokens: the bootstrap's own while it lives, afterwards short-lived ones from Vault
    def consul_token(self) -> str:
        """The best Consul token that the master has: management if it can get it, else the one that only reads."""
        return self._token("consul", "consul_bootstrap", "consul_status_token")

    def nomad_token(self) -> str:
        """The best Nomad token that the master has."""
        return self._token("nomad", "nomad_bootstrap", "nomad_status_token")

    def _token(self, engine: str, bootstrap: str, reading: str) -> str:
        with self._lock:
            if token := self._tokens.get(engine):
                return token
            token = self.journal.secret(bootstrap) or self._lease_or_nothing(engine)
            if token:
                self._tokens[engine] = token
            return token or self.journal.secret(reading) or ""

    def _lease_or_nothing(self, engine: str) -> str:
        try:
            return self.lease(engine)
        except ServiceError:
            return ""  # sealed or not there: the reading token still serves status and prove

    def lease(self, engine: str) -> str:
        """A short-lived management token of ``consul`` or ``nomad`` from Vault, by the master's own login."""
        node = self._active_vault_node()
        lease = self.vault(node, self._login(node)).read(f"{engine}/creds/{MASTER_ROLE}")
        if lease is None:
            raise ServiceError(f"Vault has no {engine} engine with the role {MASTER_ROLE}.", node=node.id)
        return str(lease["data"]["token" if engine == "consul" else "secret_id"])

    def vault_token(self, node: Node) -> str:
        """The root token while the bootstrap lives, afterwards a short one by AppRole; ``""`` when there is neither."""
        return self.journal.secret("vault_root_token") or self._login(node)

    def _login(self, node: Node) -> str:
        with self._lock:
            if token := self._tokens.get("vault"):
                return token
            secret_id = self.journal.secret("vault_master_secret_id")
            if not secret_id:
                return ""
            token = self.vault(node).approle_login(self.journal.fact("vault_master_role_id"), secret_id)
            self._tokens["vault"] = token
            return token

    def forget_tokens(self) -> None:
        """Ask for tokens anew: one of them was revoked."""
        with self._lock:
            login = self._tokens.get("vault")
            self._tokens.clear()
            if login:
                self._tokens["vault"] = login

    # What others need to know
    def secret(self, name: str) -> str:
        """A secret that an earlier step journalled.

        :raises StepFailed: when the journal does not have it.
        """
        found = self.journal.secret(name)
        if found is None:
            raise StepFailed(f"The journal has no secret {name}.", cure="restore the journal from its backup")
        return found

    def vault_root(self, lacks: str) -> str:
        """The root token of the cluster's Vault, for what only root may set up.

        :param lacks: what is not so, as the beginning of a sentence: "Vault lacks the policy x".
        :raises StepFailed: when it was revoked.
        """
        root = self.journal.secret("vault_root_token")
        if root is None:
            raise StepFailed(
                f"{lacks}, and its root token was revoked.",
                cure="docs/runbooks/break-glass.md: generate a root token with the operators' recovery keys",
            )
        return root

    def view(self) -> ClusterView:
        """What `prove` and `status` look at and with, none of it with the right to change anything."""
        return ClusterView(
            definition=self.definition,
            nodes=self.nodes,
            ca_files={root: ca_file(root) for root in ROOTS},
            consul_token=self.journal.secret("consul_status_token") or "",
            nomad_token=self.journal.secret("nomad_status_token") or "",
            canary_digest=canary.digest(self.journal.secret("canary_marker") or ""),
        )

    def close(self) -> None:
        """Give back the leased tokens of this run."""
        with self._lock:
            token = self._tokens.pop("vault", "")
            self._tokens.clear()
        if token:
            try:
                self.active_vault(token).revoke_self()  # takes the leases of the engines with it
            except ServiceError:
                return  # it expires by itself within minutes


def ca_file(root: str) -> str:
    """Every certificate of the root that is trusted, on the support server."""
    return f"{paths.CA_ROOTS}/{root}/trust.pem"


def root_pem(root: str) -> str:
    """The content of :func:`ca_file`."""
    return Path(ca_file(root)).read_text(encoding="ascii")
