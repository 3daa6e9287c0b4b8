"""What a node brings to its first boot."""

from __future__ import annotations

import json
import os
from ipaddress import ip_address

import pytest

from saltern.errors import LabError
from saltern_lab import seed

BOTH = {4: ip_address("10.99.0.11"), 6: ip_address("fd5a:99::11")}
USERDATA = {
    "master": "10.99.0.10",
    "master_finger": "aa:bb",
    "grains": {"role": ["vault"]},
    "minion": {"log_level": "info"},
}


def test_the_minion_configuration_pins_master_and_identity():
    written = json.loads(seed.minion_configuration("server-a", USERDATA))
    assert written == {
        "id": "server-a",
        "master": "10.99.0.10",
        "master_finger": "aa:bb",
        "grains": {"role": ["vault"]},
        "log_level": "info",
    }


def test_hosts_names_the_node_and_the_support_server_only():
    lines = seed.hosts("server-a", BOTH).splitlines()
    assert "10.99.0.11 server-a" in lines
    assert "fd5a:99::10 support salt" in lines
    assert len(lines) == 6
    assert "fd5a:99::10 support salt" not in seed.hosts("server-a", {4: BOTH[4]})
    assert seed.hosts("support", {4: ip_address("10.99.0.10")}).count("support") == 1


def test_the_interface_has_an_address_and_a_gateway_of_each_family():
    text = seed.interface(BOTH)
    for line in ("Address=10.99.0.11/24", "Address=fd5a:99::11/64", "Gateway=10.99.0.1", "Gateway=fd5a:99::1"):
        assert line in text.splitlines()
    assert "fd5a" not in seed.interface({4: BOTH[4]})


@pytest.mark.parametrize("userdata", [USERDATA, {}])
def test_the_minion_is_configured_only_when_it_has_a_master(tmp_path, userdata):
    before = os.umask(0o077)
    try:
        seed.write(tmp_path, "server-a", "0" * 32, BOTH, userdata)
    finally:
        os.umask(before)
    assert (tmp_path / "etc/salt/minion.d/saltern.conf").exists() is bool(userdata)
    assert (tmp_path / "etc/hostname").read_text() == "server-a\n"
    # a strict umask of whoever runs the lab must not make the node's own configuration unreadable
    assert (tmp_path / "etc/systemd/network").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "etc/hosts").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("userdata", "text"),
    [
        ([], "userdata is"),
        ({"password": "x"}, "password"),
        ({"grains": []}, r"userdata\.grains"),
        ({"master": 1}, r"userdata\.master"),
        ({"minion": {"id": "another"}}, "id"),
        ({"minion": {"master": "another"}}, "master"),
    ],
)
def test_userdata_that_is_refused(userdata, text):
    with pytest.raises(LabError, match=text):
        seed.check_userdata(userdata)


def test_no_userdata_is_fine():
    assert seed.check_userdata(None) == {}
