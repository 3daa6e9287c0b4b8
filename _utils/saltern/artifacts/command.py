"""The command ``support/fetch-artifacts``: fills an artifact store from a terminal or a script."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TextIO

from saltern import paths
from saltern.artifacts.fetch import ENV_CACHE, Settings, fetch
from saltern.artifacts.manifest import FILE_NAME
from saltern.artifacts.model import Progress
from saltern.artifacts.providers.go import GoProvider
from saltern.errors import SalternError

PLAIN_INTERVAL = 30.0  # seconds between two lines where there is no terminal


class Screen:
    """Shows progress: one line that is written anew on a terminal, a plain line now and then elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._live = stream, stream.isatty()
        self._last, self._told, self._open = 0.0, "", False

    def report(self, progress: Progress) -> None:
        """Show how far a task is; silent when too little time has passed since the last time."""
        now = time.monotonic()
        fresh = progress.what != self._told
        if not fresh and now - self._last < (0.2 if self._live else PLAIN_INTERVAL):
            return
        self._last, self._told = now, progress.what
        if self._live:
            self._stream.write(f"\r\x1b[K{describe(progress)[:160]}")
            self._open = True
        else:
            self._stream.write(f"{describe(progress)}\n")
        self._stream.flush()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        if self._open:
            self._stream.write("\r\x1b[K")
            self._open = False
        self._stream.write(f"{text}\n")
        self._stream.flush()


def describe(progress: Progress) -> str:
    """A progress as one line: what, elapsed, typical, how long is left in all."""
    parts = [f"{progress.what}: {_clock(progress.elapsed)}"]
    if progress.total:
        parts.append(f"{progress.done >> 20} of {progress.total >> 20} MiB")
    if progress.typical:
        parts.append(f"typically up to {_clock(progress.typical)}")
        if progress.elapsed > progress.typical:
            parts.append("longer than typical")
    left = max(progress.typical - progress.elapsed, 0) + progress.after
    if left:
        parts.append(f"about {_clock(left)} left in all")
    return ", ".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    screen = Screen(sys.stderr)
    cache = Path(options.cache)
    try:
        settings = Settings(
            store=Path(options.store) if options.store else cache / "artifacts",
            manifest=Path(options.manifest),
            cache=cache,
            order=tuple(one for one in options.providers.split(",") if one),
            directories=tuple(Path(one) for one in options.files),
            install_tools=not options.no_install,
            ca_file=options.ca_file,
        )
        fetch(options.names, settings, screen.report, screen.say, rebuild=options.rebuild)
        if options.trim:
            GoProvider(cache / "go").trim()
            screen.say(f"caches of Go below {cache / 'go'} removed: the next build starts from nothing")
    except SalternError as error:
        screen.say(f"fetch-artifacts: {error}")
        return 1
    except KeyboardInterrupt:
        screen.say("fetch-artifacts: interrupted; run it again and it goes on where it stopped")
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    repository = Path(__file__).resolve().parents[3]
    parser = argparse.ArgumentParser(
        prog="support/fetch-artifacts",
        description="Fills the artifact store. Without names: everything in artifacts/manifest.yaml.",
        epilog="Environment: SALTERN_CACHE, SALTERN_ARTIFACT_PROVIDERS (file,go), SALTERN_ARTIFACT_FILES (dir:dir).",
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME[@VERSION]")
    add("--store", default="", help="directory to fill (default: CACHE/artifacts)")
    add("--cache", default=os.environ.get(ENV_CACHE) or paths.CACHE, help="default: %(default)s")
    add("--manifest", default=str(repository / FILE_NAME), help="default: %(default)s")
    add("--providers", default="", help="ask these, in this order: file,release,go,image")
    add("--files", action="append", default=[], metavar="DIR", help="directory of provider file; may be repeated")
    add("--ca-file", default="", help="PEM file of the only roots that provider release trusts")
    add("--rebuild", action="store_true", help="fetch again what is there already")
    add("--trim", action="store_true", help="remove Go's module and build caches afterwards (about 13 GB)")
    add("--no-install", action="store_true", help="do not install missing tools (Go, gcc, busybox-static)")
    return parser


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


if __name__ == "__main__":
    sys.exit(main())
