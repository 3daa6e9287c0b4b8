"""Drives a lab with a whole cluster for the tests: commands of `lab/`, runners and states of its support server."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Lab:
    """A lab by its name; if not told, the one that ``SALTERN_LAB`` names."""

    name: str = os.environ.get("SALTERN_LAB", "") or "labtest"

    @property
    def environment(self) -> dict[str, str]:
        """What the lab's commands find in their environment."""
        return {**os.environ, "SALTERN_LAB": self.name}

    def run(self, command: str, *arguments: str, stdin: str | None = None, seconds: float = 900) -> str:
        """Standard output of ``lab/<command>``; fails the test when it fails."""
        done = self.attempt(command, *arguments, stdin=stdin, seconds=seconds)
        assert done.returncode == 0, f"lab/{command} {arguments}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def attempt(
        self, command: str, *arguments: str, stdin: str | None = None, seconds: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """What ``lab/<command>`` did."""
        return subprocess.run(
            [str(ROOT / "lab" / command), *arguments],
            input=stdin if stdin is not None else "",
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            env=self.environment,
        )

    def on(self, node: str, *command: str, stdin: str | None = None) -> str:
        """Standard output of a command on a node."""
        return self.run("exec", node, "--", *command, stdin=stdin)

    def runner(self, function: str, *arguments: str) -> tuple[int, Any]:
        """Exit status and data of a runner on the support server."""
        done = self.attempt("exec", "support", "--", "salt-run", "--out=json", function, *arguments)
        try:
            return done.returncode, json.loads(done.stdout)
        except ValueError as error:
            raise AssertionError(f"{function}: no JSON: {done.stdout[-2000:]}{done.stderr[-2000:]}") from error

    def salt(self, target: str, function: str, *arguments: str) -> dict[str, Any]:
        """What a function returned on each node of ``target``."""
        command = ["salt", "--out=json", "--static", "-t", "120", target, function, *arguments]
        return dict(json.loads(self.attempt("exec", "support", "--", *command).stdout))

    def false_claims(self) -> list[str]:
        """The names of the claims that `cluster.prove` finds false; agrees with its exit status."""
        status, data = self.runner("cluster.prove")
        names = [claim["name"] for claim in data["claims"] if claim["result"] != "ok"]
        assert (status != 0) == bool(names), (status, names)
        return names

    def nodes(self, role: str = "") -> list[str]:
        """The ids of the cluster's nodes, of one role if told."""
        _, data = self.runner("cluster.status")
        return [node["id"] for node in data["nodes"] if not role or role in node["role"]]

    def becomes_green(self, seconds: float = 180) -> None:
        """Wait until `cluster.prove` finds nothing false any more."""
        wait_for(lambda: not self.false_claims(), seconds, "every claim to be true again")


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition of the real system; fail the test when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.5)
