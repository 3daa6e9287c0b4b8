"""firewalld on this node: its files below ``/etc/firewalld`` and, by D-Bus, what it enforces.

D-Bus by ``busctl`` takes milliseconds where one ``firewall-cmd`` takes a second (it starts a Python interpreter).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from saltern.errors import FirewallError
from saltern.firewall import changes, documents

ROOT = Path("/etc/firewalld")
_DAEMON = Path("/usr/sbin/firewalld")
_PROTOCOLS = Path("/etc/protocols")
_WANTED = Path("/etc/systemd/system/multi-user.target.wants/firewalld.service")
_BUS = "org.fedoraproject.FirewallD1"
_OBJECT = "/org/fedoraproject/FirewallD1"
_RELOAD_SECONDS = 60


def require_installed() -> None:
    """Refuses a node on which firewalld cannot work.

    :raises FirewallError: a package is missing. Without ``netbase`` (``/etc/protocols``) firewalld dies quietly.
    """
    for path, package in ((_DAEMON, "firewalld"), (_PROTOCOLS, "netbase")):
        if not path.exists():
            raise FirewallError(f"{path} is missing.", cure=f"Put the package {package} into the node's image.")


def read(root: Path = ROOT) -> changes.Configuration:
    """The configuration on disk as far as it is ours."""
    conf = root / "firewalld.conf"
    found = {
        f"{folder}/{path.name}": path.read_text(encoding="utf-8")
        for folder in ("zones", "policies")
        for path in sorted((root / folder).glob("*.xml"))
        if documents.is_owned(path.stem)
    }
    return changes.Configuration(conf.read_text(encoding="utf-8") if conf.exists() else "", found, _WANTED.exists())


def write(files: Mapping[str, str | None], default_zone: str, root: Path = ROOT) -> None:
    """Writes what differs: a content of None removes the file. ``default_zone`` empty leaves it as it is."""
    for name, content in files.items():
        path = root / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            _replace(path, content)
    if default_zone:
        conf = root / "firewalld.conf"
        _replace(
            conf, documents.with_default_zone(conf.read_text(encoding="utf-8") if conf.exists() else "", default_zone)
        )


def _replace(path: Path, content: str) -> None:
    """A reader sees the old or the new content, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(content, encoding="utf-8")
    temporary.chmod(0o644)
    temporary.replace(path)


def state() -> str:
    """What the daemon says of itself (``RUNNING``, ``FAILED``, …); empty when it does not answer."""
    found = _bus("get-property", _BUS, _OBJECT, _BUS, "state")
    return str(found["data"]) if found else ""


def runtime(zones: Iterable[str]) -> dict[str, Any] | None:
    """What the running firewalld enforces; None when it does not run or is in its failed state."""
    if state() != "RUNNING":
        return None
    default = _bus("call", _BUS, _OBJECT, _BUS, "getDefaultZone")
    found: dict[str, Any] = {}
    for name in zones:
        settings = _bus("call", _BUS, _OBJECT, f"{_BUS}.zone", "getZoneSettings2", "s", name)
        if settings is not None:
            found[name] = _zone({key: value["data"] for key, value in settings["data"][0].items()})
    return {"default_zone": default["data"][0] if default else "", "zones": found}


def _zone(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "target": settings.get("target", "default"),
        "sources": settings.get("sources", []),
        "ports": [f"{port}/{protocol}" for port, protocol in settings.get("ports", [])],
    }


def enforce(*, enable: bool) -> None:
    """Makes firewalld enforce its files: reloads it where it runs, starts it where it does not.

    :param enable: also start it at every boot.
    :raises FirewallError: it does not take the files, or does not start.
    """
    if enable:
        _run(["systemctl", "--quiet", "enable", "firewalld.service"])
    if runtime(()) is None:
        # A failed firewalld still "runs" for systemd: restart, not start.
        _run(["systemctl", "restart", "firewalld.service"])
    else:
        _run(["busctl", f"--timeout={_RELOAD_SECONDS}", "--quiet", "call", _BUS, _OBJECT, _BUS, "reload"])


def _bus(*arguments: str) -> dict[str, Any] | None:
    command = ["busctl", "--json=short", "--auto-start=no", "--timeout=10", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise FirewallError(
            f"`{' '.join(command)}` failed: {(done.stderr or done.stdout).strip()}",
            cure="See `journalctl -u firewalld` on the node.",
        )
