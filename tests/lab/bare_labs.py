"""Labs without a cluster, for the tests of the lab itself; and what of a lab can be seen on this machine."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltern_lab import client, wait

ROOT = Path(__file__).parents[2]
LABS = Path("/var/lib/saltern-lab")
MEBIBYTE = 1 << 20
MEMORY, DISK = 256 * MEBIBYTE, 512 * MEBIBYTE


@dataclass(frozen=True)
class BareLab:
    """A lab by its name."""

    name: str

    @property
    def directory(self) -> Path:
        return LABS / self.name

    def start(self, command: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs ``lab/<command>`` to its end."""
        return subprocess.run(
            [ROOT / "lab" / command, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            env={**os.environ, "SALTERN_LAB": self.name},
        )

    def run(self, command: str, *arguments: str) -> str:
        """Standard output of ``lab/<command>``; a failure fails the test."""
        done = self.start(command, *arguments)
        assert done.returncode == 0, f"lab/{command} {arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def on(self, node: str, script: str) -> str:
        """Standard output of a shell script in a node."""
        return self.run("exec", node, "--", "sh", "-ec", script)

    def call(self, method: str, **params: Any) -> Any:
        """Ask the lab's cloud."""
        return client.call(self.directory / "socket" / "cloud.sock", method, **params)

    def create(self, name: str, **changes: Any) -> Any:
        """A small node: one CPU, 256 MiB of memory, a disk of 512 MiB."""
        values = {
            "size": {"cpus": 1, "memory": MEMORY, "disk": DISK},
            "networks": ["10.99.0.128/25", "fd5a:99:0:0:1::/80"],
        }
        return self.call("create", name=name, **{**values, **changes})

    def booted(self, node: str) -> None:
        """Wait until the node's systemd has finished its boot."""

        def settled() -> bool:
            state = self.start("exec", node, "--", "systemctl", "is-system-running").stdout.strip()
            return state in {"running", "degraded"}

        wait.until(settled, "systemd has booted", 60, node)

    def daemon(self) -> int:
        """The process id of the lab's daemon."""
        return int((self.directory / "daemon.lock").read_text())

    def traces(self) -> dict[str, list[str]]:
        """Everything of this lab on this machine, by kind. Empty lists for a lab that is not there."""
        scope, directory = f"saltern-{self.name}", str(self.directory)
        processes = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                groups = (process / "cgroup").read_text()
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment = (process / "environ").read_bytes() if "saltern_lab daemon" in words else b""
            except OSError:
                continue
            if (
                f"/{scope}/" in groups
                or directory + "/" in words
                or f"SALTERN_LAB={self.name}\0".encode() in environment
            ):
                processes.append(f"{process.name} {words}")
        backing = [path.read_text() for path in Path("/sys/block").glob("loop*/loop/backing_file")]
        return {
            "processes": processes,
            "mounts": [
                line for line in Path("/proc/mounts").read_text().splitlines() if scope in line or directory in line
            ],
            "namespaces": [str(path) for path in Path("/run/netns").glob(scope)],
            "loop devices": [file for file in backing if file.startswith(directory + "/")],
            "control groups": subprocess.run(
                ["find", "/sys/fs/cgroup", "-type", "d", "-name", scope], capture_output=True, text=True, check=False
            ).stdout.splitlines(),
            "files": [str(path) for path in LABS.glob(self.name)],
        }


def host() -> dict[str, str]:
    """This machine's own network and firewall, which no lab may touch."""
    commands = {
        "links": "ip -o link show | cut -d' ' -f2",
        "addresses": "ip -o address show | awk '{print $2, $4}'",
        "routes": "ip route; ip -6 route | sed 's/ expires .*//'",
        "firewall": "if command -v nft; then nft list ruleset; fi",
        "forwarding": "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding",
        "hosts": "sha256sum /etc/hosts /etc/resolv.conf /etc/hostname 2>/dev/null || true",
    }
    return {
        name: subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
        for name, command in commands.items()
    }
