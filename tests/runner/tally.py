"""What tests said, added up: from JUnit XML, from lint checks, from a tier that could not run."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Tally:
    """Counts of one tier or of all of them."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: tuple[str, ...] = ()
    skips: tuple[str, ...] = field(default=())

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.failures + other.failures,
            self.skips + other.skips,
        )

    def closing_line(self) -> str:
        """The last line of a run: ``N passed, N failed``, and skips where there are some."""
        line = f"{self.passed} passed, {self.failed} failed"
        return f"{line}, {self.skipped} skipped" if self.skipped else line


def failure(what: str) -> Tally:
    """One failure that no test reported: a tier that could not run, a timeout, a crash."""
    return Tally(failed=1, failures=(what,))


def from_junit(report: Path) -> Tally:
    """Adds up a JUnit XML report case by case; each case counts once, an error as a failure."""
    total = Tally()
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - our own pytest wrote it a moment ago
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            total += Tally(failed=1, failures=(name,))
        elif skip is not None and skip.get("type") == "pytest.xfail":
            total += Tally(passed=1)
        elif skip is not None:
            total += Tally(skipped=1, skips=(f"{name}: {skip.get('message', 'no reason given')}",))
        else:
            total += Tally(passed=1)
    return total


def of_pytest(report: Path, exit_code: int, *, selected: bool) -> Tally:
    """The tally of one pytest run.

    :param exit_code: pytest's; 5 means that no test was found.
    :param selected: whether ``-k`` chose tests; only then may a tier be without any.
    """
    if exit_code == 5:
        return Tally() if selected else failure("no test was found")
    if not report.exists():
        return failure(f"pytest ended with {exit_code} before it wrote a report")
    total = from_junit(report)
    if exit_code != 0 and not total.failed:
        return total + failure(f"pytest ended with {exit_code} although no test failed")
    return total
