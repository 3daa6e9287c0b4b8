"""What preflight reads on a node: the kernel's tables, limits and controllers."""

import socket
from pathlib import Path

import pytest

from saltern.clients import node_facts, proc_net
from saltern.preflight.facts import Listener, from_data

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

ANYWHERE = "0.0.0.0"  # noqa: S104 - compared with


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with Consul on two ports, an established connection and an interpreter."""
    net = tmp_path / "net"
    net.mkdir()
    row = "   0: {}:{:04X} 00000000:0000 {} 00000000:00000000 00:00000000 00000000     0        0 {} 1 0\n"
    (net / "tcp").write_text(
        HEADER + row.format("0100007F", 53, "0A", 11) + row.format("0B00630A", 8300, "01", 12)
        + row.format("00000000", 4505, "0A", 13)
    )  # fmt: skip
    (net / "tcp6").write_text(HEADER + row.format("99005AFD000000000000000011000000", 8300, "0A", 14))
    (net / "udp").write_text(HEADER + row.format("00000000", 8301, "07", 15))
    for process, exe, sockets in (
        (7, "/opt/saltern/consul/1.21.0/consul", (11, 14)),
        (8, "/usr/bin/python3.11", (13,)),
    ):
        descriptors = tmp_path / str(process) / "fd"
        descriptors.mkdir(parents=True)
        (tmp_path / str(process) / "exe").symlink_to(exe)
        (tmp_path / str(process) / "cmdline").write_bytes(b"python\0/opt/saltstack/bin/salt-master MWorker\0")
        (descriptors / "0").symlink_to("/dev/null")
        for number, inode in enumerate(sockets, 1):
            (descriptors / str(number)).symlink_to(f"socket:[{inode}]")
    return tmp_path


def test_listening_sockets_are_found_with_their_programs(proc: Path) -> None:
    consul = "/opt/saltern/consul/1.21.0/consul"
    expected = [
        Listener("tcp", "127.0.0.1", 53, consul),
        Listener("tcp", ANYWHERE, 4505, "/opt/saltstack/bin/salt-master"),
        Listener("tcp", "fd5a:99::11", 8300, consul),
        Listener("udp", ANYWHERE, 8301, ""),
    ]
    found = proc_net.listeners(proc)
    assert found == expected


def test_this_machines_own_sockets_are_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        here = {(one.protocol, one.address, one.port): one.process for one in proc_net.listeners()}
        assert here[("tcp", "127.0.0.1", server.getsockname()[1])]
        assert here[("udp", "127.0.0.1", other.getsockname()[1])]


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_ipv6_address_is_printed_as_usual() -> None:
    assert proc_net._address("00000000000000000000000001000000") == "::1"
    assert proc_net._address("995A00FD000000000000000011000000") == "fd00:5a99::11"


def test_a_containers_limit_is_its_memory(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       24000000 kB\nMemFree: 1 kB\n")
    assert node_facts.memory(meminfo, tmp_path) == 24000000 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    assert node_facts.memory(meminfo, tmp_path) == 24000000 * 1024
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{600 * 2**20}\n")
    assert node_facts.memory(meminfo, tmp_path) == 600 * 2**20


def test_controllers_of_both_versions(tmp_path: Path) -> None:
    for name in ("cpu,cpuacct", "memory", "name=systemd", "systemd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    (tmp_path / "pids").mkdir()
    assert node_facts.controllers(tmp_path) == ["cpu", "cpuacct", "memory"]
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    assert node_facts.controllers(tmp_path) == ["cpu", "cpuset", "io", "memory", "pids"]


@pytest.mark.parametrize("name", ["modules.builtin", "modules.dep"])
def test_the_bridge_module_is_looked_for_where_nomad_looks(tmp_path: Path, name: str) -> None:
    (tmp_path / "6.1.0").mkdir()
    assert not node_facts.has_bridge_module("6.1.0", tmp_path) or Path("/sys/module/bridge").exists()
    (tmp_path / "6.1.0" / name).write_text("kernel/net/bridge/bridge.ko: kernel/net/llc/llc.ko\n")
    assert node_facts.has_bridge_module("6.1.0", tmp_path)


def test_what_is_gathered_is_what_preflight_reads() -> None:
    facts = from_data(node_facts.gather("3008.3", ["10.99.0.11"]))
    assert facts.addresses == ("10.99.0.11",)
    assert facts.memory > 0
    assert facts.disk_total >= facts.disk_free > 0
