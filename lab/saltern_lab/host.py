"""What this machine must bring before a lab can run on it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from saltern.errors import LabError
from saltern_lab import run
from saltern_lab.progress import Progress

PROGRAMS = {  # program -> Debian package
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "mkfs.ext4": "e2fsprogs",
    "ip": "iproute2",
    "gpg": "gnupg",
    "git": "git",
    "nsenter": "util-linux",
    "mount": "mount",
    "apt-config": "apt",
}
FILES = {"/usr/lib/python3.11/ensurepip/__init__.py": "python3-venv"}
SMALLEST_DISK = 12 << 30  # bytes free for images, artifacts and six nodes
NEEDED_MEMORY = 5 << 30


def prepare(progress: Progress) -> None:
    """Install the packages that are missing, and refuse a machine on which a lab cannot run."""
    _path()
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)} | _missing_files())
    if missing:
        if not shutil.which("apt-get"):
            raise LabError(f"These are missing: {', '.join(missing)}.", cure="The lab runs on Debian 12.")
        with progress.step(f"installing {', '.join(missing)}", 40):
            quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            run.command(["apt-get", "-q", "update"], environment=quiet)
            run.command(["apt-get", "-q", "-y", "install", "--no-install-recommends", *missing], environment=quiet)


def _path() -> None:
    """The programs of the system come first, whatever the caller's shell has before them."""
    os.environ["PATH"] = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", "")


def _missing_files() -> set[str]:
    return {package for path, package in FILES.items() if not Path(path).exists()}


def warnings(directory: Path) -> list[str]:
    """What may become a problem, as lines to print."""
    found = []
    free = shutil.disk_usage(directory).free
    if free < SMALLEST_DISK:
        found.append(f"{directory} has {free >> 30} GiB free; the default lab and its caches take up to 12 GiB.")
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    available = int(memory["MemAvailable"].split()[0]) << 10
    if available < NEEDED_MEMORY:
        found.append(f"{available >> 20} MiB of memory are available; the default lab takes up to 4 GiB.")
    return found
