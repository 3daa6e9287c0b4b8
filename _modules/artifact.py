"""Artifacts of this node: versions side by side below ``/opt/saltern``, the one in use by its link in ``bin``."""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError

from saltern.artifacts import install as installing
from saltern.artifacts.installation import Installation
from saltern.errors import told_as


def listed() -> dict[str, dict[str, Any]]:
    """The artifacts that are installed on this node.

    CLI Example:

    .. code-block:: bash

        salt-call artifact.listed

    Rights: any user that may read ``/opt/saltern``.

    :returns: ``{name: {"in_use": version, "versions": [newest first]}}``; ``in_use`` is empty for images.
    """
    installed = Installation()
    return {
        name: {"in_use": installed.linked(name, name), "versions": list(installed.versions(name))}
        for name in installed.names()
    }


def describe(name: str) -> dict[str, Any]:
    """What the pillar of this node says of an artifact.

    CLI Example:

    .. code-block:: bash

        salt-call artifact.describe consul

    Rights: root on the node.

    :param name: of the artifact.
    :returns: ``version``, ``sha256``, ``url``, ``kind``, ``files``.
    :raises CommandExecutionError: this node's roles do not need the artifact.
    """
    described = (__pillar__.get("saltern") or {}).get("artifacts", {}).get(name)
    if not described:
        raise CommandExecutionError(
            f"{name} is no artifact of this node's roles. Cure: give version, sha256 and url, or look at the node's "
            "role in the registry and refresh its pillar."
        )
    return dict(described)


def difference(name: str, described: dict[str, Any]) -> dict[str, Any]:
    """What installing an artifact would change; changes nothing.

    CLI Example:

    .. code-block:: bash

        salt-call artifact.difference consul "$(salt-call --out=json artifact.describe consul)"

    Rights: root on the node.

    :param name: of the artifact.
    :param described: as :func:`describe` returns it.
    :returns: ``{"changes": …, "reasons": […]}``; both empty when the node is as described.
    :raises CommandExecutionError: the description is wrong, or the artifact store lacks the artifact.
    """
    with told_as(CommandExecutionError):
        want = installing.wanted(name, described)
        present = Installation().present(want)
        todo = installing.plan(want, present)
        return {"changes": todo.changes(want, present), "reasons": list(todo.reasons)}


def install(name: str, described: dict[str, Any] | None = None, ca_file: str = "") -> list[str]:
    """Install an artifact; its sum is checked before anything gets to its place.

    CLI Example:

    .. code-block:: bash

        salt-call artifact.install consul

    Rights: root on the node.

    :param name: of the artifact.
    :param described: as :func:`describe` returns it; the pillar's own when left out.
    :param ca_file: PEM file of the only roots to trust; the system's trust store when left out.
    :returns: why something was done; empty when nothing was.
    :raises CommandExecutionError: a wrong sum, an unreachable store, a full disk. Nothing was installed then.
    """
    with told_as(CommandExecutionError):
        want = installing.wanted(name, describe(name) if described is None else described)
        return list(Installation().install(want, ca_file).reasons)


def remove(name: str) -> list[str]:
    """Remove every version of an artifact and its link.

    CLI Example:

    .. code-block:: bash

        salt-call artifact.remove vault

    Rights: root on the node.

    :param name: of the artifact.
    :returns: what was removed.
    :raises CommandExecutionError: the files cannot be removed.
    """
    with told_as(CommandExecutionError):
        return list(Installation().remove(name))


def leftovers(name: str) -> list[str]:
    """What :func:`remove` would remove.

    CLI Example:

    .. code-block:: bash

        salt-call artifact.leftovers vault

    Rights: any user that may read ``/opt/saltern``.

    :param name: of the artifact.
    :returns: the links, then ``name version`` for each version.
    """
    installed = Installation()
    links = [str(link) for link in installed.links(name)]
    return [*links, *(f"{name} {version}" for version in installed.versions(name))]
