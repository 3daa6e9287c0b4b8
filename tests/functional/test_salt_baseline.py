"""The configuration as Salt itself reads it: every option that security hangs on, in force."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import salt.config
import salt.loader

ROOT = Path(__file__).parents[2]

# What must hold, with DESIGN's trust model as the reason. Defaults stand here too: a changed default must be seen.
MASTER = {
    "auto_accept": False,
    "open_mode": False,
    "permissive_pki_access": False,
    "allow_minion_key_revoke": False,
    "minimum_auth_version": 3,
    "master_async_mworker": False,
    "sign_pub_messages": True,
    "rotate_aes_key": True,
    "peer": {},
    "peer_run": {".*": [r"^member\.sign$", r"^member\.turn$", r"^member\.turn_done$", r"^member\.report$"]},
    "file_recv": False,
    "publisher_acl": {},
    "external_auth": {},
    "client_acl_verify": True,
    "netapi_enable_clients": [],
    "enable_ssh_minions": False,
    "discovery": False,
    "reactor": [{"salt/beacon/*/node_cert/*": ["/srv/saltern/salt/reactor/node_cert.sls"]}],
    "engines": [],
    "minion_data_cache": False,
    "minion_data_cache_events": False,
    "enforce_mine_cache": False,
    "pillar_cache": False,
    "pillar_opts": False,
    "pillar_safe_render_error": True,
    "pillar_mask_output": True,
    "on_demand_ext_pillar": [],
    "ext_pillar": [{"saltern": {}}],
    "master_tops": {},
    "runner_returns": False,
    "ext_job_cache": "",
    "event_return": "",
    "master_job_cache": "local_cache",
    "fileserver_backend": ["roots"],
    "file_roots": {"base": ["/srv/saltern/salt"]},
    "pillar_roots": {"base": ["/srv/saltern/pillar"]},
    "log_level": "warning",
    "log_level_logfile": "quiet",
    "log_granular_levels": {"salt.runner": "error", "salt.minion": "error"},
}
MINION = {
    "open_mode": False,
    "permissive_pki_access": False,
    "startup_states": "",
    "file_client": "remote",
    "file_recv": False,
    "mine_enabled": False,
    "mine_functions": {},
    "cache_jobs": False,
    "ext_job_cache": "",
    "pillar_cache": False,
    "pillar_mask_output": True,
    "grains_cache": False,
    "discovery": False,
    "multiprocessing": True,  # jobs in one process would keep the modules of yesterday
    "master_type": "str",
    "beacons": {"node_cert": [{"interval": 60}]},
    "log_level": "warning",
    "log_level_logfile": "quiet",
}


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """/etc/salt as support/install makes it."""
    etc = tmp_path / "salt"
    shutil.copytree(ROOT / "support" / "etc", etc)
    for name in ("master", "minion", "cloud"):
        (etc / name).touch()
    (etc / "minion.d/saltern.conf").write_text("id: support\nmaster: 127.0.0.1\n")
    return etc


@pytest.fixture
def master(etc: Path) -> dict[str, Any]:
    opts: dict[str, Any] = salt.config.master_config(str(etc / "master"))
    return opts


@pytest.mark.parametrize("option", sorted(MASTER))
def test_the_master_has(master: dict[str, Any], option: str) -> None:
    assert master[option] == MASTER[option]


@pytest.mark.parametrize("option", sorted(MINION))
def test_a_minion_has(etc: Path, option: str) -> None:
    opts = salt.config.minion_config(str(etc / "minion"))
    assert opts.get(option) == MINION[option]


def test_no_part_of_salt_logs_more_than_warnings(etc: Path, master: dict[str, Any]) -> None:
    for opts in (master, salt.config.minion_config(str(etc / "minion"))):
        assert set(opts["log_granular_levels"].values()) <= {"warning", "error", "critical"}


def test_returns_are_forgotten_within_hours(master: dict[str, Any]) -> None:
    assert 0 < master["keep_jobs_seconds"] <= 6 * 3600
    assert not master["archive_jobs"]


def test_no_list_of_names_or_grains_opens_the_door(master: dict[str, Any]) -> None:
    for option in ("autosign_file", "autoreject_file", "autosign_grains_dir"):
        assert not Path(master[option]).exists()


def test_signing_never_starves_the_other_workers(master: dict[str, Any]) -> None:
    pools = master["worker_pools"]
    assert [name for name, pool in pools.items() if "minion_runner" in pool["commands"]] == ["member"]
    assert [name for name, pool in pools.items() if "_auth" in pool["commands"]] == ["auth"]
    assert sum(pool["worker_count"] for pool in pools.values()) <= 5  # each is 70 MiB


def test_the_external_pillar_is_found_although_the_pillar_root_is_called_pillar(etc: Path, tmp_path: Path) -> None:
    file = etc / "master.d/saltern.conf"
    file.write_text(file.read_text().replace("/srv/saltern", str(ROOT)))
    opts = salt.config.master_config(str(etc / "master"))
    opts.update(extension_modules=str(tmp_path / "extmods"))
    assert "saltern" in salt.loader.pillars(opts, {})
