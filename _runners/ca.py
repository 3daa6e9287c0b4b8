"""The certificate authority, for the operator: its roots and what they issued."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from saltern.errors import CertificateError
from saltern.pki import authority, chain, roots
from saltern.pki.inventory import Inventory
from saltern_salt.answers import answer, no_traceback


@no_traceback
def init() -> Any:
    """Makes every declared root that is missing and prints all fingerprints; an existing root is never touched.

    CLI Example:

    .. code-block:: bash

        salt-run ca.init

    Rights: root on the support server.

    :returns: as :func:`roots`, with ``made`` for what is new.
    """
    where = authority.places(__opts__)
    made = roots.ensure(where.declared, where.roots)
    found = _roots(where)
    text = [f"Made: {', '.join(made)}." if made else "Every declared root was there already; nothing changed."]
    return answer(__opts__, "\n".join([*text, *_lines(found)]), {"made": list(made), "roots": found})


@no_traceback
def list_roots() -> Any:
    """The declared roots with their fingerprints and ends.

    CLI Example:

    .. code-block:: bash

        salt-run ca.roots
        salt-run ca.roots --out=json

    Rights: root on the support server.

    :returns: root -> ``common_name``, ``fingerprint`` (SHA-256), ``not_after``; ``missing`` for one that is not made.
    """
    found = _roots(authority.places(__opts__))
    return answer(__opts__, "\n".join(_lines(found)), {"roots": found})


@no_traceback
def list_issued(node: str = "", root: str = "", limit: int = 100) -> Any:
    """The leaves that were signed, the newest first.

    CLI Example:

    .. code-block:: bash

        salt-run ca.list
        salt-run ca.list node=server-4fk2q9 root=consul --out=json

    Rights: root on the support server.

    :param node: only those of this node id.
    :param root: only those of this root.
    :param limit: at most so many.
    :returns: a list of ``serial``, ``root``, ``node``, ``name``, ``not_after``, ``fingerprint``, ``issued_at``.
    """
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise CertificateError(f"limit must be a number from 1, not {limit!a}.", cure="write it as in limit=100.")
    records = Inventory(authority.places(__opts__).inventory).records(str(node), str(root), limit)
    data = [{**vars(one), "not_after": _time(one.not_after), "issued_at": _time(one.issued_at)} for one in records]
    lines = [f"{one['node']:<20} {one['name']:<16} until {one['not_after']}  {one['serial']}" for one in data]
    return answer(__opts__, "\n".join(lines) or "Nothing was issued.", {"issued": data})


__func_alias__ = {"list_roots": "roots", "list_issued": "list"}


def _roots(where: authority.Places) -> dict[str, dict[str, Any]]:
    missing = roots.missing(where.declared, where.roots)
    return {spec.name: _root(spec, spec.name in missing, where) for spec in roots.declared(where.declared)}


def _root(spec: roots.RootSpec, missing: bool, where: authority.Places) -> dict[str, Any]:
    if missing:
        return {"common_name": spec.common_name, "missing": True}
    certificate = roots.certificate_of(spec.name, where.roots)
    return {
        "common_name": spec.common_name,
        "fingerprint": chain.fingerprint(certificate),
        "not_after": _time(int(certificate.not_valid_after_utc.timestamp())),
    }


def _lines(found: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"{name:<10} missing: salt-run ca.init"
        if one.get("missing")
        else f"{name:<10} {one['fingerprint']}  until {one['not_after']}"
        for name, one in found.items()
    ]


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
