"""cfssl's HTTP API without HTTP: a path and a body in, a status and a body out. The signing is the issuer's."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from saltern.cfssl import auth, messages, parsing
from saltern.cfssl.messages import SignRequest
from saltern.cfssl.refusal import CANNOT_SIGN, DOOR, INVALID_REQUEST, NOT_FOUND, Refused, bad_request, quoted
from saltern.errors import SalternError, SigningRefused

CFSSL = "/api/v1/cfssl/"
BULK = "/api/v1/saltern/authsign"
NO_BUNDLER = "This request requires a bundler, but one is not initialized for the API server."


@dataclass(frozen=True)
class Policy:
    """What the API must know of a profile.

    :ivar auth_keys: names of the keys that may ask: the present one, then the previous.
    :ivar expiry: as cfssl writes it: ``8760h``.
    :ivar unauthenticated: whether anybody may ask, by ``sign``. A profile without a key alone does not say so:
        ``multirootca`` never signs by one.
    """

    auth_keys: tuple[str, ...]
    usages: tuple[str, ...]
    expiry: str
    unauthenticated: bool = False


class Issuer(Protocol):
    """Who signs. Every method may raise :class:`SalternError`; the API then says that it cannot sign now."""

    def label(self, name: str) -> str | None:
        """The label that ``name`` means (the empty one is the default), or ``None``."""

    def admits(self, label: str, remote: str) -> bool:
        """Whether the label may be used from the address ``remote``."""

    def policy(self, label: str, profile: str) -> Policy | None:
        """The profile's policy (the empty name is the default profile), or ``None``."""

    def auth_key(self, name: str) -> bytes:
        """The key of that name."""

    def certificate(self, label: str) -> str:
        """PEM of the certificate that signs for ``label``."""

    def sign(self, request: SignRequest, remote: str, key: str) -> tuple[str, Any]:
        """PEM of a certificate and the record of it; ``key`` is the name of the auth key, empty where none was needed.

        :raises SigningRefused: when the profile does not allow what the request asks for.
        """

    def crl(self, label: str) -> bytes:
        """The label's revocation list, DER."""


@dataclass(frozen=True)
class Answer:
    """What goes back.

    :ivar records: of what was signed; they are stored before the answer leaves.
    :ivar refusals: for the log: what was refused and why, a line each.
    """

    status: int
    body: bytes
    records: tuple[Any, ...] = ()
    refusals: tuple[str, ...] = field(default=())


def answer(path: str, body: bytes, remote: str, issuer: Issuer) -> Answer:
    """Answers one call. Never raises: whatever is wrong is an answer in cfssl's form.

    :param path: of the URL, without its query.
    :param remote: the address that the connection came from.
    """
    maximum = messages.MAXIMUM_BULK_BODY if path == BULK else messages.MAXIMUM_BODY
    try:
        operation = OPERATIONS.get(path)
        if operation is None:
            raise Refused(404, NOT_FOUND, "no such endpoint")
        if len(body) > maximum:
            raise parsing.too_large(len(body), maximum)
        return operation(body, remote, issuer)
    except Refused as refusal:
        return refused(refusal, path, remote)
    except SalternError as error:
        return refused(_unable(error), path, remote)


def refused(refusal: Refused, path: str, remote: str) -> Answer:
    """The answer to what is refused."""
    line = f"{quoted(path)} from {quoted(remote)}: {refusal.status} {refusal.code} {refusal.reason}"
    return Answer(refusal.status, messages.error(refusal.code, refusal.message), refusals=(line,))


def _authsign(body: bytes, remote: str, issuer: Issuer) -> Answer:
    outer = messages.authenticated(body)
    request = messages.sign_request(outer.request)
    label, policy = _allowed(request.label, request.profile, remote, issuer)
    return _signed(request, label, remote, issuer, key=_authenticate(outer, policy, issuer))


def _sign(body: bytes, remote: str, issuer: Issuer) -> Answer:
    request = messages.sign_request(body)
    label, policy = _allowed(request.label, request.profile, remote, issuer)
    if policy.auth_keys or not policy.unauthenticated:
        raise bad_request("authentication required")
    return _signed(request, label, remote, issuer, key="")


def _bulk(body: bytes, remote: str, issuer: Issuer) -> Answer:
    outer = messages.authenticated(body)
    bulk = messages.bulk_request(outer.request)
    label, policy = _allowed(bulk.label, bulk.profile, remote, issuer)
    key = _authenticate(outer, policy, issuer)
    results: list[dict[str, Any]] = []
    records: list[Any] = []
    refusals: list[str] = []
    for number, request in enumerate(bulk.requests):
        try:
            if isinstance(request, Refused):
                raise request
            pem, record = _issue(request, label, remote, issuer, key)
        except Refused as refusal:
            results.append({"error": {"code": refusal.code, "message": refusal.message}})
            refusals.append(f"{BULK} from {quoted(remote)}: request {number}: {refusal.code} {refusal.reason}")
            continue
        results.append({"certificate": pem})
        records.append(record)
    return Answer(200, messages.success({"certificates": results}), tuple(records), tuple(refusals))


def _info(body: bytes, remote: str, issuer: Issuer) -> Answer:
    wanted, profile = messages.info_request(body)
    label = _admitted(wanted, remote, issuer)
    # cfssl's clients name no profile where they only want the certificate, and a label may have no default profile.
    policy = _policy(label, profile, issuer) if profile else issuer.policy(label, "") or Policy((), (), "")
    result = {"certificate": issuer.certificate(label), "usages": list(policy.usages), "expiry": policy.expiry}
    return Answer(200, messages.success(result))


def _crl(body: bytes, remote: str, issuer: Issuer) -> Answer:
    """Anybody may read it: it serves whoever has to check a certificate."""
    wanted, _ = messages.info_request(body)
    return Answer(200, messages.success(base64.b64encode(issuer.crl(_label(wanted, issuer))).decode()))


OPERATIONS: dict[str, Callable[[bytes, str, Issuer], Answer]] = {
    CFSSL + "authsign": _authsign,
    CFSSL + "sign": _sign,
    CFSSL + "info": _info,
    CFSSL + "crl": _crl,
    BULK: _bulk,
}


def _label(name: str, issuer: Issuer) -> str:
    label = issuer.label(name)
    if label is None:
        raise bad_request("bad label", f"unknown label {quoted(name)}")
    return label


def _admitted(name: str, remote: str, issuer: Issuer) -> str:
    label = _label(name, issuer)
    if not issuer.admits(label, remote):
        raise Refused(403, DOOR, "not authorised", f"label {label} does not admit this address")
    return label


def _allowed(name: str, profile: str, remote: str, issuer: Issuer) -> tuple[str, Policy]:
    label = _admitted(name, remote, issuer)
    return label, _policy(label, profile, issuer)


def _policy(label: str, profile: str, issuer: Issuer) -> Policy:
    policy = issuer.policy(label, profile)
    if policy is None:
        raise Refused(400, DOOR, "invalid profile", f"label {label} has no profile {quoted(profile)}")
    return policy


def _authenticate(outer: messages.Authenticated, policy: Policy, issuer: Issuer) -> str:
    """The name of the key that made the token."""
    if not policy.auth_keys:
        raise Refused(401, DOOR, "authorisation required", "the profile has no auth key: ask by sign")
    for name in policy.auth_keys:
        if auth.valid(issuer.auth_key(name), outer.request, outer.token):
            return name
    raise Refused(400, DOOR, "invalid token")


def _signed(request: SignRequest, label: str, remote: str, issuer: Issuer, *, key: str) -> Answer:
    pem, record = _issue(request, label, remote, issuer, key)
    note = ((INVALID_REQUEST, NO_BUNDLER),) if request.bundle else ()
    return Answer(200, messages.success({"certificate": pem}, note), (record,))


def _issue(request: SignRequest, label: str, remote: str, issuer: Issuer, key: str) -> tuple[str, Any]:
    wanted = SignRequest(label, request.profile, request.csr, request.hosts, request.subject)
    try:
        return issuer.sign(wanted, remote, key)
    except SigningRefused as refusal:
        reason = quoted(refusal)[1:-1]
        raise Refused(400, INVALID_REQUEST, f"Policy violation request: {reason}") from refusal
    except SalternError as error:
        raise _unable(error) from error


def _unable(error: SalternError) -> Refused:
    """The caller learns that it cannot be signed now, the log learns why."""
    return Refused(503, CANNOT_SIGN, "the authority cannot sign now", quoted(error))
