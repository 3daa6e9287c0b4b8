"""Tells systemd that a service is ready (sd_notify(3)); without systemd nothing is told."""

from __future__ import annotations

import os
import socket


def ready(status: str) -> None:
    """READY, with a line for ``systemctl status``."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.connect("\0" + path[1:] if path.startswith("@") else path)
        notified.sendall(f"READY=1\nSTATUS={status}".encode())
