"""From measurements to what the benchmark prints."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.bootstrap.rounds import Afterwards, Run

GOAL = 1.5
Row = tuple[str, ...]


def text(runs: Sequence[Run], peers: Sequence[Run], afterwards: Sequence[Afterwards]) -> str:
    """Everything, each figure a median over the rounds; the claim in a line of its own."""
    ours, theirs = median(run.seconds for run in runs), median(run.seconds for run in peers)
    parts = [
        f"Median of {len(runs)} round(s), each on fresh labs of six nodes.",
        _table(("cluster.bootstrap, its steps (they overlap)", "s"), _phases(runs)),
        _table(("by hand, its phases (one after another)", "s"), _phases(peers)),
        _table(
            ("in all", "s", "processor s of all nodes"),
            [
                ("cluster.bootstrap", f"{ours:.1f}", f"{median(run.cpu for run in runs):.1f}"),
                ("by hand", f"{theirs:.1f}", f"{median(run.cpu for run in peers):.1f}"),
            ],
        ),
        f"ratio bootstrap: {ours / theirs:.2f} (goal {GOAL})",
        _highstates(afterwards),
        _table(("memory (PSS of the program; whole node without file cache)", "of", "MiB"), _memory(afterwards)),
        _table(("disk used, the fullest of the role", "MiB"), _disk(afterwards)),
        _up(afterwards),
    ]
    return "\n\n".join(parts)


def _phases(runs: Sequence[Run]) -> list[Row]:
    return [(name, f"{median(run.phases[name] for run in runs):.1f}") for name in runs[0].phases]


def _highstates(all_of: Sequence[Afterwards]) -> str:
    rows = []
    for position, first in enumerate(all_of[0].highstates):
        same = [one.highstates[position] for one in all_of]
        rows.append(
            (
                first.node.partition("-")[0],
                f"{median(one.seconds for one in same):.1f}",
                f"{median(one.in_states for one in same):.1f}",
                str(first.states),
                str(max(one.changes for one in same)),
            )
        )
    rows.append(("all six at once", f"{median(one.together for one in all_of):.1f}", "", "", ""))
    return _table(("second highstate of", "s", "in states", "states", "changes"), rows)


def _memory(all_of: Sequence[Afterwards]) -> list[Row]:
    rows = []
    for position, (node, what, _) in enumerate(all_of[0].memory):
        size = median(one.memory[position][2] for one in all_of)
        rows.append((node.partition("-")[0], what, f"{size / 2**20:.0f}"))
    return rows


def _disk(all_of: Sequence[Afterwards]) -> list[Row]:
    return [(role, f"{median(one.disk[role] for one in all_of) / 2**20:.0f}") for role in sorted(all_of[0].disk)]


def _up(all_of: Sequence[Afterwards]) -> str:
    parts = {name: median(one.up[name] for one in all_of) for name in all_of[0].up}
    again = parts.pop("lab/up again")
    rows = [(f"  {name}", f"{seconds:.1f}") for name, seconds in parts.items()]
    whole = ("lab/up, cold (image and artifacts cached): the sum of", f"{sum(parts.values()):.1f}")
    return _table(("lab/up", "s"), [whole, *rows, ("lab/up, warm (everything runs)", f"{again:.1f}")])


def _table(head: Row, rows: Sequence[Row]) -> str:
    """The first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = []
    for row in (head, tuple("-" * width for width in widths), *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
