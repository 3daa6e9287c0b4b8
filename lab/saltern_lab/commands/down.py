"""`lab/down`: end the lab and leave nothing of it."""

from __future__ import annotations

from saltern_lab import lifecycle
from saltern_lab.commands import arguments as reading
from saltern_lab.progress import Progress
from saltern_lab.settings import Lab, cache


def main(arguments: list[str]) -> int:
    """End it whatever state it is in."""
    parser = reading.parser(
        "down",
        "End the lab: nodes, daemon, network, mounts, disks, kernel limits.",
        "Base images, artifacts and wheels stay in the cache.",
    )
    parser.add_argument("--keep", action="store_true", help="keep the nodes' disks; lab/up boots them again")
    parsed = parser.parse_args(arguments)
    lab, progress = Lab.from_environment(), Progress(cache() / "durations.json")
    lifecycle.close_lab(lab, progress, keep=parsed.keep)
    progress.say(f"lab {lab.name} is down" + (", its disks are kept" if parsed.keep else ""))
    return 0
