"""Labs that tests started are taken down with the run, however it ends."""

from __future__ import annotations

from pathlib import Path

from runner.process import Watch, run

LABS = Path("/var/lib/saltern-lab")  # one folder a lab
DOWN_SECONDS = 180.0


def take_down(root: Path, prefix: str, output: Path) -> list[str]:
    """Runs ``lab/down`` for every lab whose name begins with ``prefix``; returns what went wrong."""
    labs = sorted(path.name for path in LABS.glob(f"{prefix}*")) if LABS.is_dir() else []
    complaints = []
    for lab in labs:
        log = output / f"down-{lab}.log"
        watch = Watch(log, DOWN_SECONDS, lambda lab=lab: f"lab {lab}: still going down", echo=False)  # type: ignore[misc]
        outcome = run([str(root / "lab" / "down")], root, {"SALTERN_LAB": lab}, watch)
        if outcome.exit_code != 0:
            complaints.append(f"lab {lab} was not taken down (exit code {outcome.exit_code}); see {log}")
    return complaints
