"""A small cluster and its roots, in a temporary directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from saltern.model import Custody, Definition, LifeCycle, Node
from saltern.pki import roots
from support_pki import PASSPHRASE

DECLARED = "roots:\n" + "".join(
    f"  {name}: {{common_name: Test {name} root, lifetime: 3650d}}\n"
    for name in ("consul", "nomad", "vault", "support")
)


@pytest.fixture(scope="session")
def cluster() -> Definition:
    return Definition(
        name="test",
        datacenter="dc1",
        region="global",
        provider="lab",
        address_families=("ipv4", "ipv6"),
        seal="transit",
        latency_profile="lan",
        custody=Custody(3, ("ada", "barbara", "edsger", "grace", "leslie")),
        versions={},
        zones={},
        sizes={},
        groups={},
        leaf_lifetime=45 * 86400,
        tolerated_support_outage=15 * 86400,
        maximum_clock_skew=5,
    )


def node(name: str, *role: str, last: int = 11) -> Node:
    return Node(
        name, name.split("-")[0], role, "core", "general", f"10.99.0.{last}", f"fd5a:99::{last}", "", LifeCycle.JOINED
    )


@pytest.fixture
def server() -> Node:
    return node("server-aaaaaa", "consul-server", "vault", "nomad-server", last=11)


@pytest.fixture
def client() -> Node:
    return node("general-bbbbbb", "nomad-client", last=12)


@pytest.fixture
def support() -> Node:
    return node("support", "support", last=10)


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    file = tmp_path / "roots.yaml"
    file.write_text(DECLARED)
    return file


@pytest.fixture
def ca(tmp_path: Path, declared: Path) -> Path:
    """A directory with all roots."""
    directory = tmp_path / "ssl"
    directory.mkdir()
    roots.ensure(declared, directory, passphrase=PASSPHRASE)
    return directory
