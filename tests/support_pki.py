"""A small cluster whose nodes can ask a real authority: definition, registry and roots in one directory."""

from __future__ import annotations

import getpass
import grp
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltern import definition
from saltern.model import LifeCycle, Node
from saltern.pki import csr, profiles, roots
from saltern.pki.entitlements import CertificateSpec, certificates
from saltern.registry import Registry

REPOSITORY = Path(__file__).parents[1]
DEFINITION = REPOSITORY / "tests" / "unit" / "definition" / "base"
PROFILES_FILE = REPOSITORY / "pillar" / "pki" / "profiles.yaml"
PROFILES = profiles.declared(PROFILES_FILE)
PASSPHRASE = b"an unlock key of tests"
SERVER = Node(
    "server-aaaaaa",
    "server",
    ("consul-server", "vault", "nomad-server"),
    "core",
    "general",
    "10.99.0.11",
    "fd5a:99::11",
    "",
    LifeCycle.JOINED,
)
CLIENT = Node(
    "general-bbbbbb", "general", ("nomad-client",), "user", "general", "10.99.0.12", "fd5a:99::12", "", LifeCycle.JOINED
)


@dataclass(frozen=True)
class Authority:
    """Where everything of one test's authority lies."""

    directory: Path

    @property
    def places(self) -> dict[str, str]:
        """The master's option ``saltern``."""
        return {
            "directory": str(DEFINITION),
            "registry": str(self.directory / "registry.sqlite"),
            "roots": str(self.directory / "roots"),
            "declared": str(REPOSITORY / "pillar" / "pki" / "roots.yaml"),
            "profiles": str(PROFILES_FILE),
            "socket": str(self.directory / "core.sock"),
            "members": str(self.directory / "members.sqlite"),
        }

    @property
    def inventory(self) -> Path:
        """What the core writes down."""
        return self.directory / "inventory.sqlite"

    @property
    def trust(self) -> dict[str, str]:
        """What nodes are given to trust."""
        return roots.trust(self.places["roots"])


def authority(directory: Path) -> Authority:
    """Makes roots, and a registry with a server and a client."""
    made = Authority(directory)
    roots.ensure(made.places["declared"], made.places["roots"], passphrase=PASSPHRASE)
    registry = Registry(made.places["registry"])
    for node in (SERVER, CLIENT):
        registry.add(node)
    return made


def specs(node: Node) -> tuple[CertificateSpec, ...]:
    """What the node may hold."""
    return certificates(node, definition.load_cached(DEFINITION), PROFILES)


def pillar(node: Node) -> list[dict[str, Any]]:
    """As the node's pillar has it, but for a user that this machine has."""
    me = {"user": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}
    return [{**spec.as_pillar(), **me} for spec in specs(node)]


def request(node: Node, label: str) -> dict[str, str]:
    """A right request for one certificate of the node."""
    (spec,) = [one for one in specs(node) if one.label == label]
    return {"application": spec.application, "name": spec.name, "csr": csr.make(csr.make_key(), spec)}


def quiet_exit() -> None:
    """Ends Salt's deferred log handler, which would write to pytest's closed stream when the process ends."""
    from salt._logging.impl import shutdown_temp_handler

    shutdown_temp_handler()
