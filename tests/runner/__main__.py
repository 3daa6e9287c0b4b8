"""``tests/run``: options, the order of things, and the closing line."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from runner.labs import take_down
from runner.lint import run_lints
from runner.preparation import Preparation, progress, wait
from runner.process import Watch, run, say
from runner.tally import Tally, failure, of_pytest
from runner.tiers import ARTIFACTS, BASE_IMAGE, NAMES, PREPARATION_MINUTES, RUN_MINUTES, TIERS, Tier, named


@dataclass
class Run:
    """One run of chosen tiers over one tree."""

    root: Path
    expression: str
    full: bool
    lab: str  # the name of this run's labs; a test adds a letter for a second one
    deadline: float  # on the monotonic clock
    preparations: list[Preparation] = field(default_factory=list)

    @property
    def output(self) -> Path:
        """Where logs and reports go; git ignores it."""
        return self.root / "tests" / "output"

    @property
    def environment(self) -> dict[str, str]:
        """What tests and preparations find in their environment."""
        return {"SALTERN_LAB": self.lab, "SALTERN_FULL": "1" if self.full else "", "PYTHONPATH": ""}

    def prepare(self, tiers: list[Tier]) -> None:
        """Starts in the background what the chosen tiers need and takes long."""
        commands = {
            ARTIFACTS: (str(self.root / "support" / "fetch-artifacts"),),
            BASE_IMAGE: (sys.executable, "-m", "runner.base_image"),
        }
        folders = ("tests", "lab", "_utils")
        environment = {**self.environment, "PYTHONPATH": ":".join(str(self.root / folder) for folder in folders)}
        for name in sorted({name for tier in tiers for name in tier.needs}):
            log = self.output / f"{name.replace(' ', '-')}.log"
            preparation = Preparation(name, commands[name], log, PREPARATION_MINUTES * 60)
            preparation.launch(self.root, environment)
            self.preparations.append(preparation)

    def tier(self, tier: Tier) -> Tally:
        """Runs one tier within its own time and what is left of the whole run's."""
        needed = [preparation for preparation in self.preparations if preparation.name in tier.needs]
        if problems := wait(needed, self.deadline):
            return failure(f"{tier.name}: could not run, {'; '.join(problems)}")
        timeout = min(tier.minutes * 60, self.deadline - time.monotonic())
        if timeout <= 0:
            return failure(f"{tier.name}: could not run, the {RUN_MINUTES:.0f} minutes of the whole run are over")
        if tier.name == "lint":
            return run_lints(self.root, self.output, timeout, lambda name: self.expression in name)
        return self.pytest(tier, timeout)

    def pytest(self, tier: Tier, timeout: float) -> Tally:
        """Runs the tier's folder of tests by pytest."""
        if not (self.root / "tests" / tier.name).is_dir():
            return failure(f"{tier.name}: could not run, tests/{tier.name} does not exist")
        report = self.output / f"{tier.name}.xml"
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", f"tests/{tier.name}", f"--junit-xml={report}", "--durations=5"]
        command += [f"--timeout={tier.case_seconds}", "-rs", "-q"]
        command += ["-k", self.expression] if self.expression else []
        command += [] if self.full else ["-m", "not full"]
        environment = self.environment
        if not tier.salt_factories:  # its plugins import Salt and listen for logs in every session
            environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
            command += ["-p", "pytest_timeout"]
        watch = Watch(self.output / f"{tier.name}.log", timeout, lambda: self.sign_of_life(tier))
        outcome = run(command, self.root, environment, watch)
        if outcome.timed_out:
            return failure(f"{tier.name}: ended after {outcome.seconds / 60:.0f} min, its time was over")
        return of_pytest(report, outcome.exit_code, selected=bool(self.expression))

    def sign_of_life(self, tier: Tier) -> str:
        """A line for a silent minute."""
        background = progress(self.preparations)
        return f"{tier.name}: still running" + (f"; background: {background}" if background else "")

    def finish(self) -> None:
        """Ends what this run started: preparations and labs."""
        for preparation in self.preparations:
            preparation.stop()
        for complaint in take_down(self.root, self.lab, self.output):
            say(complaint)


TIER_HELP = f"only these tiers, one or more of: {', '.join(NAMES)} (default: all)"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests/run", description="Runs Saltern's tests; as root, on Debian 12.")
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--tier", nargs="+", action="extend", default=[], metavar="NAME", choices=NAMES, help=TIER_HELP)
    parser.add_argument("--full", action="store_true", help="also tests marked `full`, which take long")
    parser.add_argument("--list", action="store_true", help="name the tiers and what each proves, run nothing")
    parser.add_argument("-k", dest="expression", default="", metavar="EXPR", help="only tests that match, as in pytest")
    return parser.parse_args()


def print_tiers() -> None:
    """``--list``."""
    for tier in TIERS:
        say(f"{tier.name:12} at most {tier.minutes:2.0f} min  {tier.proves}")


def report(tallies: dict[str, tuple[Tally, float]]) -> Tally:
    """Prints minutes and counts of each tier, failures and skips, and returns the sum."""
    total = Tally()
    say("\ntier          minutes   passed  failed  skipped")
    for name, (tally, seconds) in tallies.items():
        say(f"{name:12} {seconds / 60:8.1f} {tally.passed:8} {tally.failed:7} {tally.skipped:8}")
        total += tally
    for skip in total.skips:
        say(f"skipped: {skip}")
    for what in total.failures:
        say(f"FAILED: {what}")
    return total


def main() -> int:
    """Runs what the command line asks for; returns the exit code."""
    options = arguments()
    if options.list:
        print_tiers()
        return 0
    lab = f"t{secrets.token_hex(3)}"
    this = Run(options.root, options.expression, options.full, lab, time.monotonic() + RUN_MINUTES * 60)
    this.output.mkdir(exist_ok=True)
    tiers = named(options.tier)
    tallies: dict[str, tuple[Tally, float]] = {}
    # However a run is ended, it cleans up.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, frame: sys.exit(128 + received))
    try:
        this.prepare(tiers)
        for tier in tiers:
            say(f"\n== {tier.name}: {tier.proves}")
            begin = time.monotonic()
            tallies[tier.name] = (this.tier(tier), time.monotonic() - begin)
    finally:
        this.finish()
    total = report(tallies)
    if not total.passed and not total.failed and not total.skipped:
        say("FAILED: no test was chosen")
        total += failure("no test was chosen")
    say(total.closing_line())
    return 1 if total.failed else 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
