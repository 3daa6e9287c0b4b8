"""A real master and a real minion, of a node of the registry, with Saltern's own rules for who may ask what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import salt.channel.client
import salt.config
import salt.exceptions
import yaml

import support_core
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
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[support_pki.Authority]:
    made = support_pki.authority(tmp_path_factory.mktemp("authority"))
    with support_core.running(made):
        yield made


@pytest.fixture(scope="module")
def master(salt_factories: Any, authority: support_pki.Authority) -> Iterator[Any]:
    shipped = yaml.safe_load(SETTINGS.read_text())
    overrides = {key: shipped[key] for key in TRUST}
    overrides |= {"interface": "127.0.0.1", "saltern": authority.places, **LOADERS}
    ((tag, _),) = shipped["reactor"][0].items()
    overrides["reactor"] = [{tag: [str(REPOSITORY / "salt" / "reactor" / "node_cert.sls")]}]
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


@pytest.fixture(scope="module")
def transmit(minion: Any) -> Any:
    """Sends any load of the minion's own making, as a hostile minion can, over the minion's authenticated channel."""
    options = salt.config.minion_config(minion.config_file)
    options["master_uri"] = f"tcp://127.0.0.1:{options['master_port']}"

    def load(**load: Any) -> Any:
        with salt.channel.client.ReqChannel.factory(options) as channel:
            try:
                return channel.send(load, timeout=20, tries=1)
            except (salt.exceptions.SaltException, TimeoutError) as error:
                return repr(error)

    return load


@pytest.fixture(scope="module")
def send(transmit: Any) -> Any:
    """Calls a runner of the master's as the minion."""

    def call(function: str, arguments: list[Any], *, claimed: str = CLIENT.id, **more: Any) -> Any:
        return transmit(cmd="minion_runner", fun=function, arg=arguments, tmo=5, id=claimed, **more)

    return call
