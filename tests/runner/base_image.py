"""Makes the lab's base image, without a lab: ``python3 -m runner.base_image``."""

from __future__ import annotations

import sys

from saltern.errors import SalternError
from saltern_lab import base, host
from saltern_lab.progress import Progress
from saltern_lab.settings import cache


def main() -> int:
    """Makes the image if its recipe has changed; returns the exit code."""
    progress = Progress(cache() / "durations.json")
    try:
        host.prepare(progress)
        print(base.ensure(progress))
    except SalternError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
