"""Provider ``go``: builds a main package from its unmodified module, by way of a wrapper with pinned sums.

Every module that goes into the build is checked against the wrapper's go.sum (``-mod=readonly``).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from saltern.artifacts import toolchain
from saltern.artifacts.model import Artifact, GoBuild, Progress, Report, Supplied
from saltern.errors import ArtifactError

TICK = 1.0  # seconds between two reports


class GoProvider:
    """Runs ``go build``; Go's own caches make a broken-off build go on where it stopped.

    :param cache: directory of ``mod`` (modules), ``build`` (compiled packages), ``log`` and, where needed, Go itself.
    :param install_tools: install Go and a C compiler when they are missing (needs root and Debian).
    """

    name = "go"

    def __init__(self, cache: Path, *, install_tools: bool = False) -> None:
        self._cache, self._install_tools = cache, install_tools

    def declared(self, artifact: Artifact) -> bool:
        """Whether the manifest names a Go module."""
        return artifact.go is not None

    def supply(self, artifact: Artifact, work: Path, report: Report, after: float) -> Supplied:
        """Build."""
        build = artifact.go
        assert build is not None  # noqa: S101 - callers ask `declared` first
        if self._install_tools:
            toolchain.install(self._cache)
        go = toolchain.need(self._cache, cgo=build.cgo)
        target = work / artifact.file
        self._build(go, artifact, build, target, _Ticker(artifact, build, report, after))
        made = recipe(build)
        key = hashlib.sha256(f"{made} {go.version}".encode()).hexdigest()
        return Supplied(target, source=f"{build.module} {go.version}", recipe=made, key=key)

    def trim(self) -> None:
        """Delete the caches of modules and compiled packages (about 13 GB for the three services)."""
        go = toolchain.find(self._cache)
        if go is not None:
            command = [go.path, "clean", "-cache", "-modcache"]
            subprocess.run(command, env=self._environment(False), check=False, capture_output=True)
        for name in ("build", "mod"):
            shutil.rmtree(self._cache / name, ignore_errors=True)

    def _build(self, go: toolchain.Go, artifact: Artifact, build: GoBuild, target: Path, ticker: _Ticker) -> None:
        log = self._cache / "log" / f"{artifact.name}-{artifact.version}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [go.path, "build", *flags(build), "-o", str(target), build.module]
        environment = self._environment(build.cgo)
        try:
            with (
                log.open("wb") as output,
                subprocess.Popen(
                    command, cwd=build.wrapper, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
                ) as process,
            ):
                code = _watch(process, ticker)
        except OSError as error:
            raise ArtifactError(f"{go.path} cannot be run: {error}.") from error
        if code:
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-8:])
            raise ArtifactError(f"Building {artifact.label} ended with {code}:\n{tail}", cure=f"read {log}")

    def _environment(self, cgo: bool) -> dict[str, str]:
        """The caller's environment (its proxies count) with everything that would change the result fixed."""
        fixed = {
            "CGO_ENABLED": "1" if cgo else "0",
            "GOCACHE": str(self._cache / "build"),
            "GOFLAGS": "-mod=readonly",
            "GOMODCACHE": str(self._cache / "mod"),
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        }
        unset = ("GOOS", "GOARCH", "GOEXPERIMENT", "GOROOT", "CGO_CFLAGS", "CGO_LDFLAGS")
        kept = {name: value for name, value in os.environ.items() if name not in unset}
        return {"HOME": str(self._cache), **kept, **fixed}


def flags(build: GoBuild) -> list[str]:
    """The flags of ``go build``: no paths of this machine, no time, so that equal input gives an equal file."""
    tags = ["-tags", ",".join(build.tags)] if build.tags else []
    return ["-trimpath", "-buildvcs=false", *tags, "-ldflags", build.ldflags]


def recipe(build: GoBuild) -> str:
    """Digest of what a build is made from, without the Go version: a newer Go alone does not make a build stale."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((build.wrapper / name).read_bytes())
    digest.update(json.dumps([build.module, flags(build), build.cgo]).encode())
    return digest.hexdigest()


class _Ticker:
    def __init__(self, artifact: Artifact, build: GoBuild, report: Report, after: float) -> None:
        self._what, self._typical = f"building {artifact.label}", float(build.typical)
        self._report, self._after, self._started = report, after, time.monotonic()

    def tick(self) -> None:
        elapsed = time.monotonic() - self._started
        self._report(Progress(self._what, elapsed, self._typical, self._after))


def _watch(process: subprocess.Popen[bytes], ticker: _Ticker) -> int:
    try:
        while True:
            ticker.tick()
            try:
                return process.wait(timeout=TICK)
            except subprocess.TimeoutExpired:
                continue
    finally:
        if process.poll() is None:  # we were interrupted
            process.terminate()
            process.wait()
