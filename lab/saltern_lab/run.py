"""Starting programs: their output is kept and shown when they fail."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from saltern.errors import LabError


def command(
    arguments: Sequence[str | Path],
    *,
    cure: str = "",
    environment: Mapping[str, str] | None = None,
    text_input: str | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; a failure becomes an error with the last lines that it printed."""
    words = [str(argument) for argument in arguments]
    keywords: dict[str, object] = {"input": text_input} if text_input is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run(  # type: ignore[call-overload]
        words, capture_output=True, text=True, errors="replace", env=environment, check=False, **keywords
    )
    if check and done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise LabError(f"`{' '.join(words)}` ended with {done.returncode}: {tail or 'no output'}", cure=cure)
    return done  # type: ignore[no-any-return]
