"""Labs of the benchmark's own: up, commands in them, and what their nodes use of processor, memory and disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltern_lab import cgroups, client, operators
from saltern_lab.node import LabNode
from saltern_lab.settings import REPOSITORY, Lab, cache

THRESHOLD = 3  # operators who answer, as the project's own definition declares
ROLES = {"support": "support", "server": "server", "general": "client", "edge": "client"}  # by group
NODE_CLASSES = {"edge": "load-balancer"}


class Stopped(Exception):
    """A command of the benchmark failed; the text says which, and ends with what it printed."""


def say(text: str) -> None:
    """What is going on, on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class BenchLab:
    """One lab with the project's own definition."""

    name: str

    @property
    def lab(self) -> Lab:
        """The lab as the lab's own package knows it."""
        return Lab(self.name)

    def run(self, command: list[str | Path]) -> tuple[float, str]:
        """How many seconds a command took on this machine, and what it printed."""
        began = time.monotonic()
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "SALTERN_LAB": self.name},
        )
        took = time.monotonic() - began
        if done.returncode:
            printed = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
            raise Stopped(f"{' '.join(map(str, command))} in lab {self.name} ended with {done.returncode}:\n{printed}")
        return took, done.stdout

    def command(self, name: str, *arguments: str) -> tuple[float, str]:
        """``lab/<name>``: seconds and output."""
        return self.run([REPOSITORY / "lab" / name, *arguments])

    def in_support(self, *command: str) -> tuple[float, str]:
        """A command on the support server: seconds and output."""
        return self.command("exec", "support", "--", *command)

    @contextmanager
    def operators_answer(self) -> Iterator[None]:
        """The lab's operators give their shares where somebody waits for them."""
        os.environ["SALTERN_LAB"] = self.name  # what they use looks there
        with operators.Answering(LabNode(self.lab, "support"), THRESHOLD):
            yield

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes as the lab's daemon shows them, each with its ``role`` and ``node_class``."""
        shown: list[dict[str, Any]] = client.call(self.lab.socket, "list")
        for node in shown:
            group = str(node["name"]).partition("-")[0]
            node |= {"role": ROLES[group], "node_class": NODE_CLASSES.get(group, "general")}
        return shown

    def cpu_seconds(self) -> float:
        """Processor time of all nodes since the lab was opened."""
        for group in cgroups.groups(self.lab.scope):
            if (group / "cpuacct.usage").exists():
                return int((group / "cpuacct.usage").read_text(encoding="ascii")) / 1e9
            statistics = group / "cpu.stat"
            if statistics.exists() and "usage_usec" in (text := statistics.read_text(encoding="ascii")):
                return int(text.split()[text.split().index("usage_usec") + 1]) / 1e6
        return 0.0

    def memory_of(self, node: str, program: str) -> int:
        """Bytes that the processes of a program use on a node: shared pages are counted in parts (PSS)."""
        total = 0
        for process in cgroups.processes(self.lab.scope, node):
            try:
                command = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace")
                lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
            except OSError:
                continue  # it has ended
            if f"/{program} " in command.replace("\0", " "):
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) << 10
        return total


def build(name: str) -> tuple[BenchLab, dict[str, float]]:
    """A fresh lab whose nodes are built and not bootstrapped, and how long each part took."""
    lab = BenchLab(name)
    lab.command("down")
    say(f"lab {name}: up, without bootstrap")
    took = {"lab/up --no-bootstrap": lab.command("up", "--no-bootstrap")[0]}
    say(f"lab {name}: cluster.build")
    took["cluster.build"] = lab.in_support("salt-run", "cluster.build")[0]
    return lab, took


def artifacts() -> Path:
    """Where this machine keeps finished artifacts, in the layout of the store."""
    return cache() / "artifacts"


def data(text: str) -> Any:
    """The JSON in what a command of Salt printed."""
    return json.loads(text)
