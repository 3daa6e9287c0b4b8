"""A node's disk: a sparse file with an ext4 file system of the declared size, so that the limit is a real one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from saltern_lab import run, wait

LAYOUT = {
    "upper": 0o755,
    "work": 0o755,
    "docker": 0o710,
}  # the overlay's two, and /var/lib/docker (never on an overlay)


def make(image: Path, size: int, fill: Callable[[Path], None]) -> None:
    """Make the disk. ``fill`` writes the first files of the node into the directory that it is given."""
    tree = image.parent / "tree"
    for directory, mode in LAYOUT.items():
        (tree / directory).mkdir(parents=True)
        (tree / directory).chmod(mode)
    fill(tree / "upper")
    with image.open("wb") as file:
        os.truncate(file.fileno(), size)
    image.chmod(0o600)
    # -d fills the file system without a mount; no block is kept for root alone: the size is what the node gets
    run.command(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-d", tree, image])
    shutil.rmtree(tree)


def allocated(image: Path) -> int:
    """Bytes that the disk takes on this machine."""
    return image.stat().st_blocks * 512


def used(root: Path) -> int:
    """Bytes in use on a mounted file system."""
    state = os.statvfs(root)
    return (state.f_blocks - state.f_bfree) * state.f_frsize


def loop_devices(directory: Path) -> list[str]:
    """The loop devices whose files lie below ``directory``."""
    found = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            file = backing.read_text(encoding="utf-8").strip()
        except OSError:
            continue  # detached meanwhile
        if file.startswith(f"{directory}/"):
            found.append(backing.parts[3])
    return found


def wait_until_free(directory: Path) -> None:
    """Wait until the kernel has let go of the disks below ``directory``; it does so after the last mount is gone."""
    wait.until(lambda: not loop_devices(directory), f"no loop device uses a disk in {directory}", 20)
