"""The lab itself: two of them side by side, with real nodes. In the order of the file: the labs are shared."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from bare_labs import DISK, MEBIBYTE, BareLab, host

from saltern.errors import LabError
from saltern_lab import cgroups, wait

NODES = ("first-a", "second-b")
PREFIX = os.environ.get("SALTERN_LAB", "")[:7] or "labtest"
CLOCK, MODULES, RAW_DEVICES = 25, 16, 17  # CAP_SYS_TIME, CAP_SYS_MODULE, CAP_SYS_RAWIO


@pytest.fixture(scope="module")
def labs():
    """Two labs with two small nodes each. Whatever a test does, they are down at the end."""
    both = (BareLab(f"{PREFIX}y"), BareLab(f"{PREFIX}z"))
    before = host()
    assert [found(lab) for lab in both] == [{}, {}]
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda lab: lab.run("up", "--bare"), both))
            list(pool.map(lambda lab: [lab.create(name) for name in NODES], both))
        for lab in both:
            for node in ("support", *NODES):
                lab.booted(node)
        assert host() == before
        yield both
    finally:
        for lab in both:
            lab.run("down")
    assert host() == before


def found(lab):
    """What there is of a lab on this machine."""
    return {kind: traces for kind, traces in lab.traces().items() if traces}


@pytest.fixture
def lab(labs):
    return labs[0]


def test_two_labs_have_the_same_addresses_and_do_not_see_each_other(labs):
    assert [node["ipv4"] for node in labs[0].call("list")] == ["10.99.0.129", "10.99.0.130", "10.99.0.10"]
    assert [node["ipv4"] for node in labs[1].call("list")] == ["10.99.0.129", "10.99.0.130", "10.99.0.10"]
    for lab in labs:
        lab.on("support", f"echo {lab.name} >/root/whose")
        for address in ("10.99.0.10", "fd5a:99::10"):
            lab.on("first-a", f"ping -c1 -W2 {address}")
    assert labs[0].on("support", "cat /root/whose").strip() == labs[0].name
    machines = {lab.on(node, "cat /etc/machine-id") for lab in labs for node in NODES}
    assert len(machines) == 4


def test_nodes_are_whole_debian_machines(lab):
    for node in NODES:
        assert lab.on(node, "cat /proc/1/comm; firewall-cmd --state 2>&1").split() == ["systemd", "running"]
        assert lab.on(node, "systemctl is-active ssh").strip() == "active"
        assert lab.on(node, "systemctl --failed --no-legend --plain") == ""
        assert lab.on(node, "hostname").strip() == node


def test_there_is_no_way_out_and_that_is_said_at_once(lab):
    done = lab.start(
        "exec", "first-a", "--", "curl", "--silent", "--show-error", "--max-time", "5", "http://192.0.2.1/"
    )
    assert done.returncode == 7, done.stderr  # refused; 28 would be a time-out


def test_commands_get_their_input_and_give_their_status(lab):
    assert lab.start("exec", "first-a", "--", "cat", stdin="word\n").stdout == "word\n"
    assert lab.start("exec", "first-a", "--", "sh", "-c", "exit 7").returncode == 7
    assert lab.start("exec", "first-a", "--", "sh", "-c", "kill -9 $$").returncode == 137
    assert lab.start("exec", "first-a", "--", "no-such-program").returncode == 127
    missing = lab.start("exec", "third-c", "--", "true")
    assert missing.returncode == 1
    assert "third-c" in missing.stderr
    assert "lab/status" in missing.stderr


def test_neither_a_node_nor_a_command_in_it_may_set_this_machines_clock_or_load_modules(lab):
    for process in ("1", "self"):
        bounding = int(lab.on("first-a", f"sed -n 's/CapBnd:\\s*//p' /proc/{process}/status"), 16)
        assert [number for number in (CLOCK, MODULES, RAW_DEVICES) if bounding >> number & 1] == []


def test_the_memory_limit_kills(lab):
    hungry = ["python3", "-c", f"bytearray({400 * MEBIBYTE})"]
    assert lab.start("exec", "first-a", "--", *hungry).returncode == 137
    assert lab.start("exec", "support", "--", *hungry).returncode == 0
    unit = ["systemd-run", "--quiet", "--scope", "-p", "MemoryMax=50M", "python3", "-c", f"bytearray({100 * MEBIBYTE})"]
    assert lab.start("exec", "first-a", "--", *unit).returncode == 137  # limits inside the node work too
    assert lab.on("first-a", "systemctl is-active ssh").strip() == "active"


def test_the_kernel_holds_the_cpu_limit(lab):
    # not by load: on a busy machine a node may never get as much as it may use
    limits = [
        file.read_text().split()[0]
        for group in cgroups.groups(f"saltern-{lab.name}", "first-a")
        for file in (group / "cpu.cfs_quota_us", group / "cpu.max")
        if file.exists()
    ]
    assert limits == ["100000"]  # of every 100,000 microseconds: one CPU


@pytest.mark.parametrize("directory", ["/root", "/var/lib/docker"])
def test_the_disk_limit_holds(lab, directory):
    fill = f"dd if=/dev/zero of={directory}/big bs=1M count=600"
    done = lab.start("exec", "second-b", "--", "sh", "-c", fill)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert int(lab.on("second-b", f"stat -c %s {directory}/big")) < DISK
    lab.on("second-b", f"rm {directory}/big; echo kept >/root/mark")


def test_a_reboot_keeps_the_state_and_gives_a_new_boot(lab):
    lab.on("second-b", "echo kept >/root/mark")
    before = lab.on("second-b", "cat /proc/1/stat | cut -d' ' -f22; cat /etc/machine-id").split()
    lab.start("exec", "second-b", "--", "sh", "-c", "sleep 600 & systemctl reboot; wait")
    wait.until(lambda: lab.call("show", name="second-b")["uptime"] < 20, "it has rebooted", 60)
    lab.booted("second-b")
    after = lab.on("second-b", "cat /proc/1/stat | cut -d' ' -f22; cat /etc/machine-id").split()
    assert after[0] != before[0]
    assert after[1] == before[1]
    assert lab.on("second-b", "cat /root/mark").strip() == "kept"
    assert lab.call("reboot", name="second-b")["state"] == "running"


def test_a_killed_node_stays_down_until_it_is_started(lab):
    lab.booted("second-b")
    lab.run("kill", "second-b")
    assert lab.call("show", name="second-b")["state"] == "stopped"
    status = lab.start("status")
    assert status.returncode == 1
    assert "stopped" in status.stdout
    refused = lab.start("exec", "second-b", "--", "true")
    assert "lab/start second-b" in refused.stderr
    lab.run("start", "second-b")
    lab.booted("second-b")
    assert lab.on("second-b", "cat /root/mark").strip() == "kept"
    assert lab.start("status").returncode == 0


def test_only_the_support_node_reaches_the_labs_cloud(lab):
    ask = "import socket; s=socket.socket(socket.AF_UNIX); s.connect('/run/saltern-lab/cloud.sock');"
    ask += 's.sendall(b\'{"method":"list"}\\n\'); print(s.makefile().readline())'
    assert "first-a" in lab.run("exec", "support", "--", "python3", "-c", ask)
    assert lab.start("exec", "first-a", "--", "ls", "/run/saltern-lab").returncode != 0
    assert (lab.directory / "socket" / "cloud.sock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"networks": ["10.99.0.8/30"], "size": {"cpus": 1, "memory": "256MiB", "disk": 1 << 50}},
            "File too large|failed",
        ),
        ({"networks": ["10.99.0.128/30"]}, "no free address"),
    ],
    ids=["a disk that no file can be", "a full network"],
)
def test_a_create_that_fails_leaves_nothing(lab, changes, text):
    lab.create("third-c", networks=["10.99.0.128/26"])  # takes the last address of the small network below
    before = lab.traces()
    with pytest.raises(LabError, match=text):
        lab.create("fourth-d", **changes)
    assert "fourth-d" not in {node["name"] for node in lab.call("list")}
    assert not (lab.directory / "nodes" / "fourth-d").exists()
    after = lab.traces()
    assert (after["loop devices"], after["control groups"]) == (before["loop devices"], before["control groups"])
    lab.call("destroy", name="third-c")


def test_a_name_is_given_once(lab):
    with pytest.raises(LabError, match="already"):
        lab.create("first-a")
    assert lab.call("show", name="first-a")["state"] == "running"


def test_a_destroyed_node_is_gone_and_its_address_free(lab):
    made = lab.create("third-c")
    lab.call("destroy", name="third-c")
    assert not (lab.directory / "nodes" / "third-c").exists()
    assert not [file for file in lab.traces()["loop devices"] if "third-c" in file]
    assert lab.create("fifth-e")["ipv4"] == made["ipv4"]
    lab.call("destroy", name="fifth-e")


def test_the_minions_key_is_read_without_trusting_the_node(lab):
    assert lab.call("minion_key", name="first-a") is None
    lab.on("first-a", "mkdir -p /etc/salt/pki/minion; echo KEY >/etc/salt/pki/minion/minion.pub")
    assert lab.call("minion_key", name="first-a") == "KEY\n"
    lab.on("first-a", "ln -sf /etc/shadow /etc/salt/pki/minion/minion.pub")
    with pytest.raises(LabError, match="first-a"):
        lab.call("minion_key", name="first-a")
    lab.on("first-a", "rm -r /etc/salt/pki/minion; ln -s /root /etc/salt/pki/minion; echo KEY >/root/minion.pub")
    with pytest.raises(LabError, match="first-a"):
        lab.call("minion_key", name="first-a")


def test_a_node_with_a_master_makes_its_own_key(lab):
    userdata = {"master": "10.99.0.10", "grains": {"role": ["nomad-client"]}}
    lab.create("third-c", userdata=userdata)
    wait.until(lambda: lab.call("minion_key", name="third-c") is not None, "the minion has made its key", 60)
    assert lab.call("minion_key", name="third-c").startswith("-----BEGIN PUBLIC KEY-----")
    lab.call("destroy", name="third-c")


def test_a_second_up_changes_nothing(lab):
    before = {node["name"]: node["uptime"] for node in lab.call("list")}
    output = lab.run("up", "--bare")
    assert "starting" not in output
    assert "creating" not in output
    after = {node["name"]: node["uptime"] for node in lab.call("list")}
    assert all(after[name] >= before[name] for name in before)


def test_nodes_outlive_a_killed_daemon_and_up_starts_it_again(lab):
    before = {node["name"]: node["uptime"] for node in lab.call("list")}
    killed = lab.daemon()
    os.kill(killed, signal.SIGKILL)
    wait.until(lambda: lab.start("status").returncode == 1, "the daemon is gone", 10)
    assert lab.on("first-a", "echo alive").strip() == "alive"
    lab.run("up", "--bare")
    assert lab.daemon() != killed
    after = {node["name"]: node["uptime"] for node in lab.call("list")}
    assert set(after) == set(before)
    assert all(after[name] >= before[name] for name in before)
    lab.create("third-c")
    lab.call("destroy", name="third-c")


def test_a_kept_lab_boots_again_with_its_state(lab):
    lab.on("first-a", "echo kept >/root/mark")
    lab.run("down", "--keep")
    assert set(found(lab)) == {"files"}
    lab.run("up", "--bare")
    lab.booted("first-a")
    assert lab.on("first-a", "cat /root/mark").strip() == "kept"


def test_down_leaves_nothing_although_the_daemon_was_killed_and_spares_the_other_lab(labs):
    here, other = labs
    os.kill(here.daemon(), signal.SIGKILL)
    here.run("down")
    assert found(here) == {}
    assert other.on("first-a", "echo alive").strip() == "alive"
    here.run("down")  # once more is no error
    other.run("down")
    assert found(other) == {}


def test_the_lab_works_again_after_that(labs):
    here = labs[0]
    here.run("up", "--bare")
    here.booted("support")
    here.run("down")
    assert found(here) == {}
