"""Artifacts: the declared version of a binary or an image file is on the node, its sum verified."""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError


def installed(
    name: str,
    version: str = "",
    sha256: str = "",
    url: str = "",
    kind: str = "binary",
    files: list[str] | None = None,
    ca_file: str = "",
) -> dict[str, Any]:
    """The artifact lies in ``/opt/saltern/<name>/<version>/``; a binary is in use by ``/opt/saltern/bin/<file>``.

    .. code-block:: yaml

        Consul's binary is installed:
          artifact.installed:
            - name: consul

    With the name alone everything else comes from the pillar (``saltern:artifacts:<name>``). The file is downloaded
    beside its destination; only when its sha256 is the declared one it is put there, and only then the link is
    switched. Two old versions stay. The sum of an installed file is checked every time.

    :param name: of the artifact.
    :param version: to install; with it ``sha256`` and ``url`` are needed too.
    :param sha256: of the file, 64 hexadecimal digits.
    :param url: ``https://…``; on the support server also ``file://`` below its artifact store.
    :param kind: ``binary`` (executable, linked) or ``image`` (a plain file).
    :param files: the one file's name; the artifact's own name when left out.
    :param ca_file: PEM file of the only roots to trust; the system's trust store when left out.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": True, "comment": ""}
    given = {"version": version, "sha256": sha256, "url": url, "kind": kind, "files": files or [name]}
    try:
        described = given if version or sha256 or url else __salt__["artifact.describe"](name)
        found = __salt__["artifact.difference"](name, described)
        if not found["reasons"]:
            return {**ret, "comment": f"{name} {described['version']} is installed"}
        because = "; ".join(found["reasons"])
        if __opts__["test"]:
            return {**ret, "result": None, "changes": found["changes"], "comment": f"would install: {because}"}
        __salt__["artifact.install"](name, described, ca_file)
    except CommandExecutionError as error:
        return {**ret, "result": False, "comment": str(error)}
    return {**ret, "changes": found["changes"], "comment": f"installed: {because}"}


def absent(name: str) -> dict[str, Any]:
    """No version of the artifact and no link to it is on the node.

    .. code-block:: yaml

        Vault's binaries are gone:
          artifact.absent:
            - name: vault

    :param name: of the artifact.
    """
    ret: dict[str, Any] = {"name": name, "changes": {}, "result": True, "comment": f"{name} is not installed"}
    try:
        removed = __salt__["artifact.leftovers"](name)
        if not removed:
            return ret
        if __opts__["test"]:
            return {**ret, "result": None, "changes": {"removed": removed}, "comment": f"would remove {name}"}
        __salt__["artifact.remove"](name)
    except CommandExecutionError as error:
        return {**ret, "result": False, "comment": str(error)}
    return {**ret, "changes": {"removed": removed}, "comment": f"removed {name}"}
