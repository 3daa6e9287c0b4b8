"""Running a command inside a node, and reading one file of it without trusting the node."""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from saltern.errors import LabError
from saltern_lab import cgroups
from saltern_lab.node import LabNode

NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x40000000 | 0x20000000 | 0x02000000  # mnt uts ipc net pid cgroup
PR_SET_PDEATHSIG, PR_CAPBSET_DROP = 1, 24
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
LARGEST_FILE = 1 << 20  # bytes


def running_leader(node: LabNode) -> int:
    """PID 1 of a node that must run."""
    node.record()
    leader = node.leader()
    if leader is None:
        raise LabError("It is down.", node=node.name, cure=f"lab/start {node.name}")
    return leader


def execute(node: LabNode, command: Sequence[str]) -> int:
    """Run a command as root in the node, with our own standard streams, under the node's limits.

    nsenter(1) would do nearly the same, but it stops together with its child when the node's systemd stops all
    processes before a shutdown, never collects it, and so keeps the node from ending.
    """
    leader = running_leader(node)
    groups = [os.open(path, os.O_WRONLY | os.O_CLOEXEC) for path in _groups(node)]
    environment = {**ENVIRONMENT, "TERM": os.environ.get("TERM", "dumb")}
    withheld = _withheld_capabilities(leader)
    pidfd = os.pidfd_open(leader)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(pidfd, NAMESPACES):
        raise LabError(f"Its namespaces cannot be entered: {os.strerror(ctypes.get_errno())}.", node=node.name)
    child = os.fork()
    if not child:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for capability in withheld:
            libc.prctl(PR_CAPBSET_DROP, capability)
        _become(command, environment, groups)

    def forward(number: int, _frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, forward)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the child itself
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _withheld_capabilities(leader: int) -> list[int]:
    """What the node's own root may not do (set the clock, load modules): neither may a command that enters it.

    The clock and the modules are this machine's, whatever namespaces a process is in.
    """
    status = Path(f"/proc/{leader}/status").read_text(encoding="ascii", errors="replace")
    allowed = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapBnd:"))
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    return [number for number in range(last + 1) if not allowed >> number & 1]


def _become(command: Sequence[str], environment: dict[str, str], groups: list[int]) -> None:
    try:
        for group in groups:
            os.write(group, b"0")
        os.execvpe(command[0], list(command), environment)  # noqa: S606 - whoever may run lab/exec is root here
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _groups(node: LabNode) -> list[Path]:
    """Where a process joins the node's groups. A version 2 group with groups below it takes none: it gets a leaf."""
    found = []
    for group in cgroups.groups(node.lab.scope, node.name):
        if cgroups.unified():
            (group / "exec").mkdir(exist_ok=True)
            found.append(group / "exec" / "cgroup.procs")
        else:
            found.append(group / "cgroup.procs")
    return found


def read_file(node: LabNode, path: str) -> bytes | None:
    """A file of a running node, or None where there is none. No link is followed: the node could point anywhere."""
    directory = os.open(f"/proc/{running_leader(node)}/root", os.O_PATH | os.O_DIRECTORY)
    *parents, name = path.strip("/").split("/")
    try:
        for parent in parents:
            below = os.open(parent, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
            os.close(directory)
            directory = below
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LabError(f"{path} cannot be read: {error.strerror}.", node=node.name) from error
    finally:
        os.close(directory)
    with os.fdopen(file, "rb") as stream:
        state = os.fstat(file)
        if not stat.S_ISREG(state.st_mode) or state.st_size > LARGEST_FILE:
            raise LabError(f"{path} is no ordinary file of at most {LARGEST_FILE} bytes.", node=node.name)
        return stream.read(LARGEST_FILE)


def run(node: LabNode, command: Sequence[str], *, stdin: bytes = b"", check: bool = True) -> str:
    """Run a command in the node from a process of its own; returns what it printed."""
    done = subprocess.run(_through_us(node, command), input=stdin, capture_output=True, check=False)
    output = done.stdout.decode(errors="replace")
    if check and done.returncode:
        tail = "\n".join((output + done.stderr.decode(errors="replace")).strip().splitlines()[-12:])
        raise LabError(f"`{' '.join(command)[:200]}` ended with {done.returncode}: {tail}", node=node.name)
    return output


def show(node: LabNode, command: Sequence[str]) -> int:
    """Run a command in the node with our own output; returns its exit status."""
    sys.stdout.flush()
    return subprocess.run(_through_us(node, command), stdin=subprocess.DEVNULL, check=False).returncode


def _through_us(node: LabNode, command: Sequence[str]) -> list[str]:
    # entering a namespace changes the whole process, so that is left to another one
    return [sys.executable, "-m", "saltern_lab", "exec", node.name, "--", *command]
