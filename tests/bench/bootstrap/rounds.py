"""One round: the bootstrap on a fresh lab, the same steps by hand on another one."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.bootstrap import labs
from bench.bootstrap.labs import BenchLab, say

BY_HAND = Path(__file__).parent / "by-hand" / "bootstrap"
PATIENCE = "600"  # seconds for Salt's own commands, which return as soon as all nodes have answered
Phases = dict[str, float]


@dataclass(frozen=True)
class Run:
    """A bootstrap: seconds from start to end, those of its phases, and processor seconds of all nodes."""

    seconds: float
    phases: Phases
    cpu: float


@dataclass(frozen=True)
class Highstate:
    """A highstate of one node: until Salt's command returned, in the states themselves, and what it changed."""

    node: str
    seconds: float
    in_states: float
    states: int
    changes: int


@dataclass(frozen=True)
class Afterwards:
    """What is measured on the cluster once it stands. Sizes in bytes."""

    up: Phases
    highstates: list[Highstate]
    together: float
    memory: list[tuple[str, str, int]]
    disk: dict[str, int]


def bootstrap(name: str) -> tuple[Run, Afterwards]:
    """`cluster.bootstrap` on a fresh lab, and what is looked at afterwards."""
    lab, up = labs.build(name)
    try:
        say(f"lab {name}: cluster.bootstrap")
        cpu = lab.cpu_seconds()
        with lab.operators_answer():
            seconds, output = lab.in_support("salt-run", "--out=json", "cluster.bootstrap")
        run = Run(seconds, labs.data(output)["seconds"], lab.cpu_seconds() - cpu)
        up["cluster.bootstrap"] = seconds
        say(f"lab {name}: took {seconds:.1f} s; now the second highstates")
        return run, _afterwards(lab, up)
    finally:
        lab.command("down")


def _afterwards(lab: BenchLab, up: Phases) -> Afterwards:
    memory, disk = _memory(lab), _disk(lab)
    highstates = [_highstate(lab, str(node["name"])) for node in lab.nodes()]
    together, _ = lab.in_support("salt", "--out=quiet", "-t", PATIENCE, "*", "state.highstate")
    say(f"lab {lab.name}: lab/up again")
    up["cluster.status and cluster.prove"] = (
        lab.in_support("salt-run", "cluster.status")[0] + lab.in_support("salt-run", "cluster.prove")[0]
    )
    up["lab/up again"], _ = lab.command("up")
    return Afterwards(up, highstates, together, memory, disk)


def _highstate(lab: BenchLab, node: str) -> Highstate:
    seconds, output = lab.in_support("salt", "--out=json", "--static", "-t", PATIENCE, node, "state.highstate")
    states = labs.data(output)[node]
    changes = sum(1 for state in states.values() if state["changes"])
    in_states = sum(float(state["duration"]) for state in states.values()) / 1000
    return Highstate(node, seconds, in_states, len(states), changes)


def _memory(lab: BenchLab) -> list[tuple[str, str, int]]:
    rows = [("support", "salt-master", lab.memory_of("support", "salt-master"))]
    rows += [(str(node["name"]), "salt-minion", lab.memory_of(node["name"], "salt-minion")) for node in lab.nodes()]
    return rows + [(str(node["name"]), "whole node", int(node["memory_used"])) for node in lab.nodes()]


def _disk(lab: BenchLab) -> dict[str, int]:
    """The fullest disk of each role."""
    used: dict[str, int] = {}
    for node in lab.nodes():
        used[node["role"]] = max(used.get(node["role"], 0), int(node["disk_used"]))
    return used


def by_hand(name: str) -> Run:
    """The script on a fresh lab."""
    lab, _ = labs.build(name)
    try:
        with tempfile.TemporaryDirectory() as directory:
            nodes, work = Path(directory) / "nodes", Path(directory) / "work"
            work.mkdir(mode=0o700)
            nodes.write_text("".join(_line(node) for node in lab.nodes()), encoding="ascii")
            say(f"lab {name}: the same steps by hand")
            cpu = lab.cpu_seconds()
            seconds, _ = lab.run([BY_HAND, nodes, work, lab.lab.operators, labs.artifacts()])
            lines = (work / "times").read_text(encoding="utf-8").splitlines()
            phases = {phase: float(took) for took, _, phase in (line.partition("\t") for line in lines)}
            say(f"lab {name}: took {seconds:.1f} s")
            return Run(seconds, phases, lab.cpu_seconds() - cpu)
    finally:
        lab.command("down")


def _line(node: dict[str, str]) -> str:
    return f"{node['name']} {node['ipv4']} {node['ipv6']} {node['role']} {node['node_class']}\n"


def load() -> str:
    """What else this machine is doing: single times of a busy machine say little, ratios more."""
    return f"{time.strftime('%F %T')}, load {Path('/proc/loadavg').read_text(encoding='ascii').split()[0]}"
