"""What of the baseline can be judged without Salt: the files themselves."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ETC = ROOT / "support" / "etc"
MASTER = yaml.safe_load((ETC / "master.d/saltern.conf").read_text())
MINION = yaml.safe_load((ETC / "minion.d/baseline.conf").read_text())


def allowed(function, minion="server-aaaaaa"):
    """As RemoteFuncs.minion_runner decides (salt/daemons/masterapi.py, 3008.3): an unanchored match of both."""
    entries = (functions for ids, functions in MASTER["peer_run"].items() if re.match(ids, minion))
    return any(re.match(pattern, function) for functions in entries for pattern in functions)


def test_a_minion_may_start_four_functions_of_member_and_nothing_else():
    for function in ("sign", "turn", "turn_done", "report"):
        assert allowed(f"member.{function}")
    others = [
        "member.signs",
        "member.turns",
        "member.turn_don",
        "member.reports",
        "renewal.look",
        "member.sign.x",
        "member_sign",
        "memberxsign",
        "xmember.sign",
        "member",
        "member.",
        "salt",
    ]
    others += ["member.sign;x", "ca.init", "cluster.bootstrap", "salt.cmd", "member.sign\n x", "runner.member.sign"]
    assert [name for name in others if allowed(name)] == []


def test_every_pattern_of_peer_run_is_matched_whole():
    patterns = [pattern for functions in MASTER["peer_run"].values() for pattern in functions]
    assert patterns
    for pattern in patterns:
        assert pattern.startswith("^")
        assert pattern.endswith("$")
        assert not re.search(r"(?<!\\)\.", pattern), f"{pattern}: an unescaped dot matches anything"


@pytest.mark.parametrize("file", ["master.d/saltern.conf", "minion.d/baseline.conf"])
def test_no_option_stands_twice(file):
    keys = re.findall(r"^([a-z_]+):", (ETC / file).read_text(), re.MULTILINE)
    assert sorted(keys) == sorted(set(keys))


def test_the_repository_itself_is_never_served():
    assert MASTER["file_roots"] == {"base": ["/srv/saltern/salt"]}
    assert MASTER["pillar_roots"] == {"base": ["/srv/saltern/pillar"]}


def test_what_minions_are_sent_are_links_to_the_loader_folders():
    for name in ("_modules", "_states", "_utils"):
        link = ROOT / "salt" / name
        assert link.is_symlink(), name
        assert str(link.readlink()) == f"../{name}"
    for name in ("_runners", "_pillar", "_clouds"):
        assert not (ROOT / "salt" / name).exists(), f"{name} is for the master only"


def test_salt_is_pinned_with_everything_it_needs():
    lines = (ROOT / "support/requirements.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", pin) for pin in pins)
    assert "salt==3008.3" in pins
    assert len(pins) == len({pin.split("==")[0].lower() for pin in pins})


def test_units_read_the_files_that_the_installation_writes():
    minion = (ROOT / "support/systemd/salt-minion.service").read_text()
    assert "ConditionPathExists=/etc/salt/minion.d/saltern.conf" in minion
    assert "KillMode=process" in minion  # a job that restarts the minion must be able to report
    assert MINION["pki_dir"] == "/etc/salt/pki/minion"
