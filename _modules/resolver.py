"""Where this node resolves names; the states of ``base.dns`` and ``consul.configured`` print it."""

from __future__ import annotations

from pathlib import Path

from saltern import resolver

_RESOLV_CONF = Path("/etc/resolv.conf")
_RESOLVED = Path("/run/systemd/resolve/resolv.conf")


def upstream() -> list[str]:
    """The name servers that this node had before Consul; Consul asks them for foreign names.

    CLI Example:

    .. code-block:: bash

        salt-call resolver.upstream

    Rights: none.

    :returns: their addresses, in the order of the file.
    """
    return resolver.upstream(_text(_RESOLV_CONF), _text(_RESOLVED))


def resolv_conf() -> str:
    """``/etc/resolv.conf`` as it is to be while Consul runs on this node.

    CLI Example:

    .. code-block:: bash

        salt-call resolver.resolv_conf

    Rights: none.

    :returns: the file's content.
    """
    return resolver.resolv_conf(upstream())


def former() -> str:
    """``/etc/resolv.conf`` as it is to be when Consul is taken away.

    CLI Example:

    .. code-block:: bash

        salt-call resolver.former

    Rights: none.

    :returns: the file's content; a file that is not ours as it is.
    """
    return resolver.former(_text(_RESOLV_CONF))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
