"""``/etc/resolv.conf`` of a node whose names Consul resolves; the file remembers the former name servers. Pure."""

from __future__ import annotations

import re

OWN = "127.0.0.1"  # Consul's agent on this node
_MARK = "# Written by Saltern; changes are undone. Former name servers:"
_NAMESERVER = re.compile(r"^\s*nameserver\s+(\S+)", re.MULTILINE)


def upstream(resolv_conf: str, resolved: str = "") -> list[str]:
    """The name servers to ask for what is not Consul's: those that the node had before.

    :param resolv_conf: content of ``/etc/resolv.conf``.
    :param resolved: content of systemd-resolved's own list of name servers, empty where it does not run. It is asked
        when the former name server is resolved's stub (127.0.0.53): the stub would read our file and ask back.
    """
    for line in resolv_conf.splitlines():
        if line.startswith(_MARK):
            return line.removeprefix(_MARK).split()
    servers = _NAMESERVER.findall(resolv_conf)
    if any(server.startswith("127.0.0.5") for server in servers):
        servers = _NAMESERVER.findall(resolved)
    return [server for server in dict.fromkeys(servers) if not _is_local(server)]


def resolv_conf(servers: list[str]) -> str:
    """The file that sends all names to Consul and remembers ``servers``."""
    return f"{' '.join([_MARK, *servers])}\nnameserver {OWN}\noptions timeout:1 attempts:2\n"


def former(current: str) -> str:
    """The file without Consul: the remembered name servers; any file that is not ours stays as it is."""
    if not current.startswith(_MARK):
        return current
    return "".join(f"nameserver {server}\n" for server in upstream(current))


def _is_local(server: str) -> bool:
    return server == "::1" or server.startswith("127.")
