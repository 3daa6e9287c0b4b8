"""`tests/bench/bootstrap/run` arrives here. It only prints: no figure makes it fail."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys

from bench.bootstrap import report, rounds
from bench.bootstrap.labs import Stopped, say
from saltern_lab.settings import cache

LABS = ("benchs", "benchh")  # for the bootstrap and for the script


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="tests/bench/bootstrap/run", description="cluster.bootstrap against the same steps by hand, on fresh labs."
    )
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="rounds to take the median of (default 1)")
    chosen = parser.parse_args()
    if os.geteuid() != 0:
        print("tests/bench/bootstrap/run: root is needed for the labs. Cure: sudo, the same again", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the labs are taken down
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "bench-bootstrap.lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second one waits: the labs have fixed names
        try:
            print(_measure(max(chosen.runs, 1)))
        except Stopped as error:
            print(f"tests/bench/bootstrap/run: {error}", file=sys.stderr)
            return 1
    return 0


def _measure(count: int) -> str:
    runs, peers, afterwards = [], [], []
    began = rounds.load()
    for number in range(count):
        say(f"round {number + 1} of {count}")
        run, looked = rounds.bootstrap(LABS[0])
        runs.append(run)
        afterwards.append(looked)
        peers.append(rounds.by_hand(LABS[1]))
    return f"Began {began}; ended {rounds.load()}.\n{report.text(runs, peers, afterwards)}"


if __name__ == "__main__":
    sys.exit(main())
