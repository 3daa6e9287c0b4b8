"""A real master and a real minion, of a node of the registry, with Saltern's own rules for who may ask what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import support_pki
from support_pki import CLIENT, REPOSITORY

SETTINGS = REPOSITORY / "support" / "etc" / "master.d" / "saltern.conf"
TRUST = ("peer", "peer_run", "minimum_auth_version", "master_async_mworker", "open_mode", "runner_returns")
LOADERS = {"module_dirs": [str(REPOSITORY)], "utils_dirs": [str(REPOSITORY / "_utils")]}


@pytest.fixture(scope="session", autouse=True)
def quiet_exit() -> None:
    support_pki.quiet_exit()


@pytest.fixture(scope="session")
def salt_factories_config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    # The defaults write below the system's temporary directory and listen on every address.
    return {"root_dir": tmp_path_factory.mktemp("salt"), "log_server_host": "127.0.0.1"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> support_pki.Authority:
    return support_pki.authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def master(salt_factories: Any, authority: support_pki.Authority) -> Iterator[Any]:
    shipped = yaml.safe_load(SETTINGS.read_text())
    overrides = {key: shipped[key] for key in TRUST}
    overrides |= {"interface": "127.0.0.1", "saltern": authority.places, **LOADERS}
    daemon = salt_factories.salt_master_daemon("vm_master", overrides=overrides)
    with daemon.started():
        yield daemon


@pytest.fixture(scope="module")
def ssl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ssl")


@pytest.fixture(scope="module")
def minion(master: Any, ssl: Path) -> Iterator[Any]:
    daemon = master.salt_minion_daemon(CLIENT.id, overrides={"saltern": {"ssl": str(ssl)}, **LOADERS})
    with daemon.started():
        yield daemon
