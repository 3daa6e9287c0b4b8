"""One node of a lab: its record on disk, its supervisor, its processes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from saltern.errors import LabError
from saltern.model import Size
from saltern.paths import CACHE
from saltern_lab import cgroups, disk, seed, settings, wait
from saltern_lab.settings import Lab

SUPERVISE = Path(__file__).resolve().parents[1] / "libexec" / "supervise"
# Beyond nspawn's own choice: firewalld and containers (NET_ADMIN, BPF), locked memory (Vault). Not the clock, not
# modules, not raw devices: those are the host's.
CAPABILITIES = ("NET_ADMIN", "IPC_LOCK", "SYSLOG", "BPF", "PERFMON", "CHECKPOINT_RESTORE", "AUDIT_READ")
SYSTEM_CALLS = (  # container engines and Nomad's sandbox need them
    "add_key keyctl request_key bpf landlock_create_ruleset landlock_add_rule landlock_restrict_self"
)
DEVICES = ("/dev/fuse", "/dev/net/tun")
REBOOT, POWER_OFF = signal.SIGRTMIN + 5, signal.SIGRTMIN + 4  # as systemd(1) defines them
BOOT_PATIENCE, STOP_PATIENCE = 60.0, 25.0  # seconds


@dataclass(frozen=True)
class Record:
    """What is written down about a node."""

    name: str
    image: str
    base: str
    size: Size
    networks: list[str]
    addresses: dict[int, str]
    machine_id: str
    created: float = field(default_factory=time.time)

    @classmethod
    def load(cls, path: Path) -> Record:
        """Read a record that ``save`` wrote."""
        data = json.loads(path.read_text(encoding="utf-8"))
        data["size"] = Size(**data["size"])
        data["addresses"] = {int(family): address for family, address in data["addresses"].items()}
        return cls(**data)

    def save(self, path: Path) -> None:
        """Write the record whole or not at all."""
        new = path.with_suffix(".new")
        new.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")
        new.replace(path)


@dataclass(frozen=True)
class LabNode:
    """A node by its name; whether it exists and runs is always looked up."""

    lab: Lab
    name: str

    @property
    def directory(self) -> Path:
        """Everything of this node on disk."""
        return self.lab.nodes / self.name

    @property
    def image(self) -> Path:
        """The file that is its disk."""
        return self.directory / "disk.img"

    @property
    def exists(self) -> bool:
        """Whether there is a node of this name."""
        return (self.directory / "node.json").is_file()

    def record(self) -> Record:
        """What is written down about it."""
        try:
            return Record.load(self.directory / "node.json")
        except FileNotFoundError as error:
            raise LabError("There is no such node.", node=self.name, cure="See lab/status for the nodes.") from error

    def make(self, record: Record, userdata: Mapping[str, Any]) -> None:
        """Make its disk; its record is there already."""
        (self.directory / "disk").mkdir(mode=0o700)
        (self.directory / "root").mkdir(mode=0o755)
        addresses = {family: ip_address(text) for family, text in record.addresses.items()}
        disk.make(
            self.image,
            record.size.disk,
            lambda upper: seed.write(upper, self.name, record.machine_id, addresses, userdata),
        )

    def leader(self) -> int | None:
        """The process that is PID 1 in the node, as this machine numbers it; None when the node is down."""
        nspawn = _number(self.directory / "nspawn.pid")
        if not nspawn or not cgroups.belongs(nspawn, self.lab.scope, self.name):
            return None
        try:
            children = Path(f"/proc/{nspawn}/task/{nspawn}/children").read_text(encoding="ascii").split()
        except OSError:
            return None
        return next((int(child) for child in children if _is_first(int(child))), None)

    def supervisor(self) -> int | None:
        """The process that keeps the node running; None when the node is down."""
        process = _number(self.directory / "supervisor.pid")
        return process if process and cgroups.belongs(process, self.lab.scope, self.name) else None

    def start(self) -> None:
        """Boot it; returns when its PID 1 runs."""
        if self.leader():
            return
        cgroups.kill(self.lab.scope, self.name)  # what a supervisor that was killed left behind
        record = self.record()
        if not Path(record.base).is_dir():
            raise LabError(f"Its base image {record.base} is gone.", node=self.name, cure="lab/down, then lab/up.")
        groups = cgroups.prepare(self.lab.scope, self.name, record.size)
        (self.directory / "cgroups").write_text("".join(f"{group}\n" for group in groups), encoding="utf-8")
        log = self.directory / "supervisor.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "slave", str(SUPERVISE), str(self.directory), record.base]
                + [str(self.lab.network_namespace), *self._nspawn(record)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": _unified()},
            )
        threading.Thread(target=process.wait, daemon=True).start()  # so that it never stays a zombie
        try:
            wait.until(lambda: self.leader() is not None or process.poll() is not None, "it runs", BOOT_PATIENCE)
        finally:
            if process.poll() is not None:
                tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
                tail += (self.directory / "console.log").read_text(errors="replace").splitlines()[-5:]
                raise LabError(f"It did not boot: {' / '.join(tail)}", node=self.name)

    def _nspawn(self, record: Record) -> list[str]:
        modules = f"--bind-ro={self.lab.kernel_modules}:/lib/modules/{os.uname().release}"
        arguments = [
            "--quiet",
            f"--directory={self.directory}/root",
            f"--machine={self.lab.scope}-{self.name}",
            f"--hostname={self.name}",
            f"--uuid={record.machine_id}",
            f"--network-bridge={settings.BRIDGE}",
            "--register=no",
            "--keep-unit",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=passive",
            f"--system-call-filter={SYSTEM_CALLS}",
            f"--capability={','.join(f'CAP_{name}' for name in CAPABILITIES)}",
            f"--kill-signal={signal.SIGRTMIN + 3}",
            f"--bind={self.directory}/disk/docker:/var/lib/docker",
            modules,
            *(f"--bind={device}" for device in DEVICES if Path(device).exists()),
        ]
        if self.name == settings.SUPPORT:
            artifacts = settings.cache() / "artifacts"
            artifacts.mkdir(parents=True, exist_ok=True)
            arguments.append(f"--bind={self.lab.socket.parent}:{settings.SOCKET_IN_SUPPORT}")
            arguments.append(f"--bind-ro={artifacts}:{CACHE}/artifacts")
        return [*arguments, "/lab-init"]

    def kill(self) -> None:
        """Kill PID 1, and so everything in the node, at once: what a power failure does. It stays down."""
        leader = self.leader()
        if leader:
            os.kill(leader, signal.SIGKILL)
        self._wait_until_down()

    def stop(self) -> None:
        """Shut it down in order; after a while by force."""
        leader = self.leader()
        if leader:
            ask = _Repeated(leader, POWER_OFF)
            try:
                wait.until(lambda: self.supervisor() is None or ask(), "it has shut down", STOP_PATIENCE, self.name)
            except LabError:
                self.kill()
        self._wait_until_down()

    def reboot(self) -> None:
        """Reboot it in order; returns when it runs again."""
        before = self.leader()
        if not before:
            raise LabError("It is down.", node=self.name, cure=f"lab/start {self.name}")
        ask = _Repeated(before, REBOOT)
        wait.until(lambda: self.leader() not in (None, before) or ask(), "it has rebooted", BOOT_PATIENCE, self.name)

    def remove(self) -> None:
        """End it and remove everything of it."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=False)

    def _wait_until_down(self) -> None:
        # a moment for the supervisor to end by itself, so that nspawn takes its interface and mounts along in order
        with contextlib.suppress(LabError):
            wait.until(lambda: self.supervisor() is None, "its supervisor has ended", 5, self.name)
        cgroups.kill(self.lab.scope, self.name)
        cgroups.remove(self.lab.scope, self.name)
        disk.wait_until_free(self.directory)
        for name in ("nspawn.pid", "supervisor.pid"):
            (self.directory / name).unlink(missing_ok=True)

    def uptime(self, leader: int) -> float:
        """Seconds since its PID 1 was started."""
        fields = Path(f"/proc/{leader}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return float(Path("/proc/uptime").read_text(encoding="ascii").split()[0]) - started

    def show(self) -> dict[str, Any]:
        """The node as the socket's methods and ``lab/status`` tell it. Sizes in bytes, times in seconds."""
        record, leader = self.record(), self.leader()
        shown: dict[str, Any] = {
            "name": self.name,
            "id": record.machine_id,
            "state": "running" if leader else "stopped",
            "image": record.image,
            "size": asdict(record.size),
            "networks": record.networks,
            "ipv4": record.addresses.get(4, ""),
            "ipv6": record.addresses.get(6, ""),
            "created": record.created,
            "disk_used": disk.allocated(self.image) if self.image.exists() else 0,
            "memory_used": 0,
            "uptime": 0.0,
        }
        if leader:
            try:
                shown["disk_used"] = disk.used(Path(f"/proc/{leader}/root"))
                shown["memory_used"] = cgroups.memory_used(self.lab.scope, self.name)
                shown["uptime"] = round(self.uptime(leader), 1)
            except OSError:
                shown["state"] = "stopped"  # it ended while we looked
        return shown


class _Repeated:
    """Sends a signal once a second until its process is gone: a systemd that has just begun ignores it."""

    def __init__(self, process: int, number: int) -> None:
        self._pidfd = os.pidfd_open(process)
        self._number, self._sent = number, 0.0

    def __call__(self) -> bool:
        """Send when it is time again; always false: what is waited for is another thing."""
        if time.monotonic() - self._sent >= 1:
            self._sent = time.monotonic()
            try:
                signal.pidfd_send_signal(self._pidfd, self._number)
            except ProcessLookupError:
                return False
        return False

    def __del__(self) -> None:
        os.close(self._pidfd)


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii") or 0)
    except (OSError, ValueError):
        return 0


def _is_first(process: int) -> bool:
    """Whether a process is number 1 of a process namespace below ours."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return any(line.split()[2:] == ["1"] for line in status.splitlines() if line.startswith("NSpid:"))


def _unified() -> str:
    return "1" if cgroups.unified() else "0"
