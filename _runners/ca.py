"""The certificate authority, for the operator: roots, what they issued, revocation, clients and operators."""

from __future__ import annotations

import getpass
import json
import sys
from datetime import UTC, datetime
from typing import Any

from saltern import custody
from saltern.addresses import bracketed
from saltern.cfssl.client_config import Remote, client_config
from saltern.clients.ca import Ca
from saltern.errors import CertificateError
from saltern.firewall.ports import CA_PORT
from saltern.names import SUPPORT
from saltern.pki import chain, member, roots
from saltern.registry import Registry
from saltern_salt.answers import answer, no_traceback

TIMES = ("not_before", "not_after", "issued_at", "revoked_at")


@no_traceback
def init() -> Any:
    """Makes every declared root that is missing and prints all fingerprints; an existing root is never touched.

    CLI Example:

    .. code-block:: bash

        salt-run ca.init

    Rights: root on the support server.

    :returns: as :func:`roots`, with ``made`` for what is new.
    """
    made = _call("init")["made"]
    where = member.places(__opts__)
    roots.publish(where.roots, where.ssl)
    found = _roots()
    text = [f"Made: {', '.join(made)}." if made else "Every declared root was there already; nothing changed."]
    return answer(__opts__, "\n".join([*text, *_lines(found)]), {"made": made, "roots": found})


@no_traceback
def unlock() -> Any:
    """Gives the unlock key to an authority that started without it: the key, or enough operators' shares of it.

    They are read from standard input, one a line; never give them as arguments.

    CLI Example:

    .. code-block:: bash

        base64 -d ca-unlock/ada.b64 | gpg -d >> shares      # each operator; then
        salt-run ca.unlock < shares

    Rights: root on the support server, and the unlock key or the operators' shares (``ca-unlock`` in
    ``cluster.custody``).

    :returns: that it signs now. Exit status 1 when the key opens not every root.
    """
    if sys.stdin.isatty():
        given = [getpass.getpass("The unlock key: ")]
    else:
        given = [line.strip() for line in sys.stdin if line.strip()]
    if not given:
        raise CertificateError("No key on standard input.", cure="give the unlock key, or one share a line")
    _call("unlock", key=given[0] if len(given) == 1 else custody.combine(given))
    return answer(__opts__, "The certificate authority is unlocked.", {"locked": False})


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
    found = _roots()
    return answer(__opts__, "\n".join(_lines(found)), {"roots": found})


@no_traceback
def list_issued(node: str = "", root: str = "", serial: str = "", days: int = 0, limit: int = 100) -> Any:
    """The leaves that were signed, the newest first; with ``days`` those that end soon, the soonest first.

    CLI Example:

    .. code-block:: bash

        salt-run ca.list
        salt-run ca.list node=server-4fk2q9 root=consul --out=json
        salt-run ca.list days=15

    Rights: root on the support server.

    :param node: only those of this node id.
    :param root: only those of this root.
    :param serial: only the one with this serial number, hexadecimal.
    :param days: only those that are valid now and end within so many days.
    :param limit: at most so many.
    :returns: a list of ``serial``, ``root``, ``profile``, ``asker``, ``name``, ``not_before``, ``not_after``,
        ``fingerprint``, ``issued_at``, ``revoked``.
    """
    for name, value, least in (("limit", limit, 1), ("days", days, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise CertificateError(f"{name} must be a number from {least}, not {value!a}.", cure=f"{name}=100")
    now = int(chain.now().timestamp())
    soon = {"since": now, "until": now + days * 86400} if days else {}
    rows = _call("list", asker=str(node), root=str(root), serial=str(serial), limit=limit, **soon)["issued"]
    data = [_row(one) for one in rows]
    return answer(__opts__, "\n".join(_line(one) for one in data) or "Nothing was issued.", {"issued": data})


@no_traceback
def revoke(serial: str, reason: str = "unspecified") -> Any:
    """Revokes a leaf for ever. Consul, Vault and Nomad do not look at revocation lists: see the runbook.

    CLI Example:

    .. code-block:: bash

        salt-run ca.revoke 5f3a… reason=keyCompromise

    Rights: root on the support server.

    :param serial: hexadecimal, from ``ca.list``.
    :param reason: as RFC 5280 names them: unspecified, keyCompromise, superseded, cessationOfOperation, …
    :returns: the revocation. Exit status 1 for a serial that was never issued.
    """
    done = _row(_call("revoke", serial=str(serial), reason=reason, by="root")["revoked"])
    text = f"{done['serial']} is revoked since {done['revoked_at']} ({done['reason']})."
    return answer(__opts__, text, {"revoked": done})


@no_traceback
def crl(root: str) -> Any:
    """The revocation list of a root, as PEM.

    CLI Example:

    .. code-block:: bash

        salt-run ca.crl support > support.crl

    Rights: root on the support server.

    :param root: one of ``ca.roots``.
    :returns: the list; its next update is due in seven days.
    """
    found = _call("crl", root=str(root))["crl"]
    return answer(__opts__, found, {"crl": found})


@no_traceback
def operator(name: str, csr: str, root: str = "nomad") -> Any:
    r"""Signs a request for an operator's own command line; the key stays where the operator made it.

    CLI Example:

    .. code-block:: bash

        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ada \
            -keyout ada-key.pem -out ada.csr
        salt-run ca.operator ada csr=/root/ada.csr root=nomad

    Rights: root on the support server.

    :param name: the operator: letters a-z, digits, hyphens.
    :param csr: path of the request, PEM; only its key counts.
    :param root: which service it is for.
    :returns: the certificate as PEM, valid for as long as the profile ``operator`` says.
    """
    try:
        with open(csr, encoding="ascii") as stream:
            text = stream.read(8193)
    except (OSError, UnicodeDecodeError) as error:
        raise CertificateError(
            f"The request {csr} cannot be read: {error}.", cure="give the path of a PEM file."
        ) from error
    signed = _call("sign_operator", name=str(name), root=str(root), csr=text)["certificate"]
    return answer(__opts__, signed, {"certificate": signed})


@no_traceback
def client(label: str, profile: str) -> Any:
    """The configuration that cfssl's client needs to get certificates from here. It holds an auth key: keep it 0600.

    CLI Example:

    .. code-block:: bash

        salt-run ca.client support profile=web --out=json > client.json
        cfssl gencert -config client.json -label support -profile web request.json

    Rights: root on the support server.

    :param label: a root of ``ca.roots``.
    :param profile: a profile of ``pillar/pki/profiles.yaml`` whose askers hold ``clients``.
    :returns: cfssl's configuration, as text and as data.
    """
    policy = _call("client_policy", root=str(label), profile=str(profile))
    remote = Remote(str(label), f"https://{bracketed(Registry().node(SUPPORT).address)}:{CA_PORT}")
    key = policy["auth_key_name"]
    config = client_config(remote, {str(profile): key}, {key: policy["auth_key"]} if key else {})
    return answer(__opts__, json.dumps(config, indent=2), config)


__func_alias__ = {"list_roots": "roots", "list_issued": "list"}


def _call(operation: str, **arguments: Any) -> dict[str, Any]:
    return Ca(member.places(__opts__).socket).call(operation, **arguments)


def _roots() -> dict[str, dict[str, Any]]:
    where = member.places(__opts__)
    missing = roots.missing(where.declared, where.roots)
    return {spec.name: _root(spec, spec.name in missing, where) for spec in roots.declared(where.declared)}


def _root(spec: roots.RootSpec, missing: bool, where: member.Places) -> dict[str, Any]:
    if missing:
        return {"common_name": spec.common_name, "missing": True}
    certificate = roots.certificate_of(spec.name, where.roots)
    return {
        "common_name": spec.common_name,
        "fingerprint": chain.fingerprint(certificate),
        "not_after": _time(int(certificate.not_valid_after_utc.timestamp())),
    }


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """Unix times as text."""
    shown = {key: _time(value) if key in TIMES else value for key, value in row.items()}
    return shown | ({"revoked": _row(row["revoked"])} if row.get("revoked") else {})


def _line(one: dict[str, Any]) -> str:
    end = f"revoked {one['revoked']['revoked_at']}" if one["revoked"] else f"until {one['not_after']}"
    return f"{one['asker']:<20} {one['name']:<16} {end}  {one['serial']}"


def _lines(found: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"{name:<10} missing: salt-run ca.init"
        if one.get("missing")
        else f"{name:<10} {one['fingerprint']}  until {one['not_after']}"
        for name, one in found.items()
    ]


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
