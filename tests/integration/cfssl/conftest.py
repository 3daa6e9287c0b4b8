"""The door and Debian's multirootca, both over TLS by one root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import support_cfssl_door
from support_certificates import Root
from support_cfssl_door import Door, running


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cfssl")


@pytest.fixture(scope="session")
def tls(directory: Path) -> Root:
    return Root(directory / "tls", "support")


@pytest.fixture(scope="session")
def door(directory: Path, tls: Root) -> Iterator[Door]:
    here = directory / "door"
    here.mkdir()
    with running(here, tls.leaf("door", ["127.0.0.1"], ["localhost"]), tls.ca_file) as made:
        yield made


@pytest.fixture(scope="session")
def multirootca(directory: Path, tls: Root) -> Iterator[int]:
    """Debian's multirootca over TLS with a root of its own in ``directory/multirootca``; its port."""
    here = directory / "multirootca"
    here.mkdir()
    with support_cfssl_door.multirootca(here, tls, "24h") as (_, port):
        yield port
