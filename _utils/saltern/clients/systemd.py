"""systemd on this node: what a unit does, and telling it to do something else. One ``systemctl`` a question."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from saltern.errors import ServiceError

UNITS = Path("/etc/systemd/system")  # the administrator's, ours among them; packages have theirs elsewhere
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload", "ControlGroup")


@dataclass(frozen=True)
class Unit:
    """A unit as systemd sees it.

    :param active: ``active``, ``activating`` (a service that is not ready yet), ``inactive``, ``failed``, …
    :param stale: its file changed since systemd read it.
    :param group: its control group while any process of it is left, else empty.
    """

    loaded: bool
    active: str
    sub: str
    enabled: bool
    stale: bool
    group: str

    @property
    def runs(self) -> bool:
        """Whether it runs or is about to: a server that waits for its peers is ``activating``."""
        return self.active in ("active", "activating", "reloading")


def show(name: str) -> Unit:
    """What systemd says about the unit ``name``; a unit that it does not know is not loaded.

    :raises ServiceError: systemd does not answer.
    """
    lines = _run("show", "--property", ",".join(_PROPERTIES), name).splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    return Unit(
        loaded=found["LoadState"] == "loaded",
        active=found["ActiveState"],
        sub=found["SubState"],
        enabled=found["UnitFileState"] in ("enabled", "enabled-runtime", "static"),
        stale=found["NeedDaemonReload"] == "yes",
        group=found.get("ControlGroup", ""),  # a timer has none
    )


def times(name: str) -> tuple[float, float]:
    """When the unit's process started, and when the unit last changed its state, as a reload does. Unix times.

    What never happened is at 0.
    """
    lines = _run("show", "--timestamp=us+utc", "--property=ExecMainStartTimestamp,StateChangeTimestamp", name)
    found = dict(line.split("=", 1) for line in lines.splitlines() if "=" in line)
    return _unix(found["ExecMainStartTimestamp"]), _unix(found["StateChangeTimestamp"])


def _unix(text: str) -> float:
    """``Wed 2026-11-25 12:33:20.123456 UTC``."""
    if not text or text == "n/a":
        return 0.0
    return datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S.%f UTC").replace(tzinfo=UTC).timestamp()


def read_again() -> None:
    """Has systemd read all unit files again."""
    _run("daemon-reload")


def enable(name: str) -> None:
    """Starts the unit at every boot from now on."""
    _run("--quiet", "enable", name)


def disable(name: str) -> None:
    """Does not start the unit at boot any more."""
    _run("--quiet", "disable", name)


def file_of(name: str) -> Path:
    """Where the file of a unit of ours lies."""
    return UNITS / (name if "." in name else f"{name}.service")


def remove(name: str) -> None:
    """Removes the file of a unit that was stopped, what is left of its processes, and what systemd remembers of it."""
    if show(name).group:
        # KillMode=process leaves Nomad's helpers of tasks behind.
        _run("kill", "--kill-whom=all", "--signal=KILL", name)
    file_of(name).unlink(missing_ok=True)
    if show(name).active == "failed":
        _run("reset-failed", name)
    read_again()


def order(verb: str, name: str, *, wait: bool) -> None:
    """Orders ``start``, ``restart``, ``reload`` or ``stop`` of a unit.

    :param wait: until it is done; else systemd only takes the order.
    :raises ServiceError: systemd refuses or, with ``wait``, the unit fails.
    """
    _run(*([] if wait else ["--no-block"]), verb, name)


def _run(*arguments: str) -> str:
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServiceError(
            f"`systemctl {' '.join(arguments)}` failed: {done.stderr.strip()}",
            cure=f"See `journalctl -u {arguments[-1]}` on the node.",
        )
    return done.stdout
