"""The base image of nodes: Debian with what every role needs and the pinned Salt; built once, kept by its recipe."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saltern_lab import run
from saltern_lab.progress import Progress
from saltern_lab.settings import REPOSITORY, ROOT, cache

NAME = "base"
SUITE = "bookworm"
SOURCES = REPOSITORY / "lab" / "base"
REQUIREMENTS = REPOSITORY / "support" / "requirements.txt"
# What a node shares with the support server, from the same files
MINION_UNIT = REPOSITORY / "support" / "systemd" / "salt-minion.service"
MINION_BASELINE = REPOSITORY / "support" / "etc" / "minion.d" / "baseline.conf"
SALT = "/opt/saltstack"
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
MASKED = (
    "systemd-resolved",
    "systemd-timesyncd",
    "systemd-networkd-wait-online",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
)
ENABLED = ("systemd-networkd", "firewalld", "ssh")
DISABLED = ("docker.service", "docker.socket", "containerd", "nginx")  # their roles enable them


def packages() -> list[str]:
    """The Debian packages of the image."""
    lines = (SOURCES / "packages").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def identity() -> str:
    """The name of the image that this recipe makes: another recipe or another pin gives another one."""
    digest = hashlib.sha256(f"{SUITE}\0{Path(__file__).read_text(encoding='utf-8')}".encode())
    for path in [*sorted(SOURCES.iterdir()), REQUIREMENTS, MINION_UNIT, MINION_BASELINE]:
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def directory() -> Path:
    """Where the image lies, whether it is built or not."""
    return cache() / "base" / identity()


def ensure(progress: Progress) -> Path:
    """Build the image when this recipe's is not there. Returns its directory."""
    target = directory()
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target.parent / "lock"):
            if not target.is_dir():  # else another one built it while we waited
                _build(target, progress)
                _remove_unused(target)
    return target


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(target: Path, progress: Progress) -> None:
    new = target.with_suffix(".new")
    if new.exists():
        shutil.rmtree(new)
    with progress.step("base: Debian packages", 80):
        _debian(new)
    with progress.step("base: Salt and its libraries", 30):
        wheels = _wheels()
    with progress.step("base: Salt into the image", 40):
        _salt(new, wheels)
        _finish(new)
    new.rename(target)


def _debian(new: Path) -> None:
    arguments = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages())}"]
    arguments += ["--dpkgopt=force-unsafe-io", *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT)]
    arguments += [f"--aptopt={line}" for line in _apt_options()]
    sources = _apt_sources()
    run.command(
        [*arguments, SUITE, str(new), *map(str, sources)],
        cure="Look whether `apt-get update` works on this machine; the image is made from the same sources.",
    )
    (new / "etc/apt/apt.conf.d/99mmdebstrap").unlink(missing_ok=True)  # may name this machine's proxy


def _apt_options() -> list[str]:
    """How this machine reaches its package sources: proxies and the like."""
    shell = run.command(["apt-config", "dump", "--format", '%F "%v";%n', "Acquire"]).stdout.splitlines()
    wanted = re.compile(r'Acquire::(https?::|Check-|Retries).* ".+";')
    return [line for line in shell if wanted.fullmatch(line)]


def _apt_sources() -> list[Path]:
    """This machine's sources of Debian itself, where it runs the same Debian; without any, mmdebstrap's own."""
    root = Path("/etc/apt")
    files = [root / "sources.list", *root.glob("sources.list.d/*.list"), *root.glob("sources.list.d/*.sources")]
    found = []
    for file in files:
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        foreign = "signed-by" in text.lower() and "debian-archive" not in text
        if re.search(rf"^[^#]*\b{SUITE}\b", text, re.MULTILINE) and not foreign:
            found.append(file)
    return found


def _wheels() -> Path:
    """Everything that ``support/requirements.txt`` pins, as wheels."""
    target = cache() / "wheels"
    target.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    stamp = target / f".complete-{digest}"
    if not stamp.exists():
        environment = cache() / "venv-wheels"
        if not (environment / "bin/pip").exists():
            run.command(["/usr/bin/python3", "-m", "venv", "--clear", environment])
        run.command(
            [str(environment / "bin/pip"), "wheel", "--quiet", "--no-deps", "--disable-pip-version-check"]
            + [f"--find-links={target}", f"--wheel-dir={target}", f"--requirement={REQUIREMENTS}"],
            cure="Look whether pip reaches its package index from this machine.",
        )
        stamp.touch()
    return target


def _salt(new: Path, wheels: Path) -> None:
    """Install Salt inside the image, without any index; mounts are made in a mount namespace of their own."""
    script = """
        mkdir "$2/wheels"
        mount --bind "$1" "$2/wheels"
        mount -t proc proc "$2/proc"
        cp "$3" "$2/requirements.txt"
        chroot "$2" python3 -m venv "$4"
        chroot "$2" "$4/bin/pip" install --quiet --no-index --no-deps --find-links /wheels -r /requirements.txt
        chroot "$2" "$4/bin/python" -m compileall -q -x '(test|tests)/' "$4/lib" || true
        chroot "$2" "$4/bin/salt-call" --version
        rm "$2/requirements.txt"
    """
    run.command(
        ["unshare", "--mount", "sh", "-euc", script, "sh", wheels, new, REQUIREMENTS, SALT],
        environment={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"},
    )
    (new / "wheels").rmdir()


def _finish(new: Path) -> None:
    for program in sorted((new / SALT.lstrip("/") / "bin").glob("salt*")):
        link = new / "usr/local/bin" / program.name
        link.symlink_to(f"{SALT}/bin/{program.name}")
    shutil.copy(SOURCES / "lab-init", new / "lab-init")
    units = new / "etc/systemd/system"
    shutil.copy(MINION_UNIT, units)
    (new / "etc/salt/minion.d").mkdir(parents=True)
    shutil.copy(MINION_BASELINE, new / "etc/salt/minion.d")
    (units / "ssh.service.d").mkdir()
    (units / "ssh.service.d/host-keys.conf").write_text(
        "[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n"
    )
    chroot = ["chroot", str(new), "systemctl", "--quiet"]
    run.command([*chroot, "enable", *ENABLED, "salt-minion"])
    run.command([*chroot, "disable", *DISABLED])
    run.command([*chroot, "mask", *MASKED])
    for path in (new / "etc/ssh").glob("ssh_host_*"):
        path.unlink()
    for name in ("etc/machine-id", "etc/resolv.conf", "etc/hostname"):
        (new / name).unlink(missing_ok=True)
        (new / name).touch(mode=0o644)


def _remove_unused(current: Path) -> None:
    """Remove images of earlier recipes that no lab stands on."""
    used = {json.loads(path.read_text(encoding="utf-8"))["base"] for path in ROOT.glob("*/nodes/*/node.json")}
    used |= {path.read_text(encoding="utf-8") for path in ROOT.glob("*/base")}
    for image in current.parent.iterdir():
        if image.is_dir() and image != current and str(image) not in used:
            shutil.rmtree(image)
