"""`lab/up`: a cluster on this machine."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saltern.errors import LabError
from saltern_lab import lifecycle
from saltern_lab.bring_up import BringUp
from saltern_lab.commands import arguments as reading
from saltern_lab.progress import Progress
from saltern_lab.settings import ROOT, Lab, cache

DETAILS = """
What it does, each only when needed: installs missing Debian packages; builds the base image of nodes and fetches or
builds the artifacts (both kept in the cache, minutes the first time); starts the lab's network and daemon; makes the
node `support` and runs support/install in it; then salt-run cluster.build and cluster.bootstrap, where the lab plays
the operators. Run it again: it changes nothing on a healthy lab, boots nodes that are down, goes on where it stopped.

On this machine it changes nothing but these kernel limits, which the last lab/down puts back:
  fs.inotify.max_user_instances, fs.inotify.max_user_watches, kernel.keys.maxkeys, kernel.keys.maxbytes
"""


def main(arguments: list[str]) -> int:
    """Bring the lab up; exit 1 when the cluster is not healthy at the end."""
    parser = reading.parser("up", "Bring up a whole cluster of real Debian nodes on this machine.", DETAILS)
    parser.add_argument("--nodes", metavar="FILE", type=Path, help="a cluster definition (YAML) instead of the default")
    parser.add_argument("--no-bootstrap", action="store_true", help="stop after support/install: no node but support")
    parser.add_argument("--bare", action="store_true", help="stop before support/install: an empty node support")
    parsed = parser.parse_args(arguments)
    if parsed.nodes and not parsed.nodes.is_file():
        raise LabError(f"There is no file {parsed.nodes}.", cure="Name a cluster definition after --nodes.")
    lab, progress = Lab.from_environment(), Progress(cache() / "durations.json")
    with _alone(lab):
        work = BringUp(lab, progress, parsed.nodes)
        image = work.prepare(artifacts=not parsed.bare)
        summary = work.open(image)
        if not parsed.bare:
            work.install(summary)
        if not (parsed.bare or parsed.no_bootstrap):
            work.bootstrap(summary)
            healthy = work.report()
            progress.say("lab/up is done")
            return 0 if healthy else 1
        print(lifecycle.table(lifecycle.nodes(lab)))
        return 0


@contextmanager
def _alone(lab: Lab) -> Iterator[None]:
    """One `lab/up` a lab at a time; a second one waits and then finds everything done."""
    ROOT.mkdir(parents=True, exist_ok=True, mode=0o700)
    lab.directory.mkdir(exist_ok=True, mode=0o700)
    with (lab.directory / "up.lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
