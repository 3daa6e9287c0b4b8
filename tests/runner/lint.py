"""The lint tier: what can be said about the tree without running it. Each check counts as one test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runner.house_rules import check as check_house_rules
from runner.process import Watch, run, say
from runner.tally import Tally, failure
from runner.tree import files, written_in


@dataclass(frozen=True)
class Lint:
    """A program that reads the tree and exits non-zero when it finds something."""

    name: str
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()


def lints(root: Path, caches: Path) -> list[Lint]:
    """The programs with the files that each is for."""
    python = tuple(str(path) for path in written_in(root, "python"))
    bash = tuple(str(path) for path in written_in(root, "bash"))
    states = tuple(str(path) for path in files(root) if path.suffix == ".sls")
    ruff_cache = f"--cache-dir={caches / 'ruff'}"
    return [
        Lint("ruff check", ("ruff", "check", "--output-format=concise", ruff_cache, "--force-exclude", *python)),
        Lint(
            "ruff format",
            ("ruff", "format", "--check", "--output-format=concise", ruff_cache, "--force-exclude", *python),
        ),
        Lint("mypy", ("mypy", f"--cache-dir={caches / 'mypy'}", "_utils", "tests/runner")),
        Lint(
            "import-linter",
            ("lint-imports", "--cache-dir", str(caches / "import-linter")),
            (("PYTHONPATH", str(root / "_utils")),),
        ),
        Lint("salt-lint", ("salt-lint", *states)) if states else Lint("salt-lint", ("false",)),
        Lint("shellcheck", ("shellcheck", "--severity=style", "--external-sources", *bash)),
    ]


def run_lints(root: Path, output: Path, timeout: float, chosen: Callable[[str], bool]) -> Tally:
    """Runs every check; one that fails prints what it found.

    :param timeout: seconds for each program.
    :param chosen: whether a check of this name is wanted.
    """
    caches = output / "caches"
    caches.mkdir(parents=True, exist_ok=True)
    total = Tally()
    for lint in lints(root, caches):
        if chosen(lint.name):
            total += _run_one(lint, root, output, timeout)
    for rule, findings in check_house_rules(root).items():
        name = f"house rule {rule}"
        if chosen(name):
            total += _result(name, findings)
    return total


def _run_one(lint: Lint, root: Path, output: Path, timeout: float) -> Tally:
    log = output / f"lint-{lint.name.replace(' ', '-')}.log"
    watch = Watch(log, timeout, lambda: f"lint: {lint.name} is still at work", echo=False)
    try:
        outcome = run(lint.command, root, dict(lint.environment), watch)
    except FileNotFoundError:
        return failure(f"{lint.name}: the program {lint.command[0]} is not installed")
    if outcome.exit_code == 0:
        return _result(lint.name, [])
    said = log.read_text(errors="replace").splitlines()
    return _result(lint.name, said or [f"ended with {outcome.exit_code} and said nothing"])


def _result(name: str, findings: list[str]) -> Tally:
    if not findings:
        say(f"  ok     {name}")
        return Tally(passed=1)
    say(f"  FAILED {name}")
    for finding in findings:
        say(f"    {finding}")
    return failure(f"lint: {name}")
