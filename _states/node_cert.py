"""Certificates of this node, from its pillar: issued, renewed in time, with exact owner and mode."""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError


def managed(
    name: str,
    certificates: list[dict[str, Any]] | None = None,
    trust: dict[str, str] | None = None,
    application: str = "",
) -> dict[str, Any]:
    """Every certificate that this node may hold is there, valid, its own, and readable by its user alone.

    .. code-block:: yaml

        This node's certificates are current:
          node_cert.managed: []

    What changed stands in ``changes`` by ``application/name``, so that services can watch it; never key material.

    :param name: the state's own name.
    :param certificates: descriptions as in pillar ``saltern:certificates``, which is the default.
    :param trust: root -> PEM, by default pillar ``saltern:trust``.
    :param application: only the certificates of this application.
    """
    arguments = {"certificates": certificates, "trust": trust, "application": application}
    try:
        found = __salt__["node_cert.plan"](**arguments)
        if not any(found.values()):
            return _result(name, True, "Every certificate is valid and in place.")
        if __opts__["test"]:
            return _result(name, None, f"{_count(found)} would be put right.", _changes(found))
        done = __salt__["node_cert.renew"](**arguments)
        return _result(name, True, f"{_count(done)} were put right.", _changes(done))
    except CommandExecutionError as error:
        return _result(name, False, str(error))


def absent(name: str, application: str = "") -> dict[str, Any]:
    """No key, certificate or trust file of an application is left; a root of the authority beside them stays.

    .. code-block:: yaml

        No certificate of Nomad's is left:
          node_cert.absent:
            - application: nomad

    :param name: the state's own name, or the application.
    :param application: ``consul``, ``vault``, ``nomad`` or ``support``; by default ``name``.
    """
    application = application or name
    try:
        found = __salt__["node_cert.leftovers"](application)
        if not found:
            return _result(name, True, f"No certificate of {application} is here.")
        if __opts__["test"]:
            return _result(name, None, f"{len(found)} files would be removed.", {"removed": found})
        return _result(name, True, "Removed.", {"removed": __salt__["node_cert.remove"](application)})
    except CommandExecutionError as error:
        return _result(name, False, str(error))


def _changes(found: dict[str, Any]) -> dict[str, Any]:
    """By certificate: why, and what is new. The same keys whether it is done or only foreseen."""
    changes: dict[str, Any] = {path: {"trust": reason} for path, reason in found["trust"].items()}
    changes |= {label: {"repaired": reasons} for label, reasons in found["repair"].items()}
    for label, one in found["reissue"].items():
        done = isinstance(one, dict)
        new = {"fingerprint": one["fingerprint"], "not_after": one["not_after"]} if done else {}
        changes[label] = {"reissued": one["reasons"] if done else one, **new}
    return changes


def _count(found: dict[str, Any]) -> str:
    certificates = len(found["reissue"]) + len(found["repair"])
    return f"{certificates} certificates and {len(found['trust'])} trust files"


def _result(name: str, result: bool | None, comment: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}
