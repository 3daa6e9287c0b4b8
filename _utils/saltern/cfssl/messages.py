"""cfssl's messages: requests read strictly, answers in its envelope."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saltern.cfssl import parsing
from saltern.cfssl.refusal import DOOR, INVALID_REQUEST, Refused, bad_request

MAXIMUM_BODY = 64 * 1024  # bytes of a call for one certificate; cfssl's own has about 1,500
MAXIMUM_BULK_BODY = 4 * 2**20
MAXIMUM_BULK = 1000  # requests of one bulk call
MAXIMUM_CSR = 8192  # characters of PEM
MAXIMUM_HOSTS = 64
MAXIMUM_NAME = 253  # characters of a DNS name, RFC 1035
MAXIMUM_LABEL = 64
SUBJECT_FIELDS = frozenset({"C", "ST", "L", "O", "OU"})

_AUTHENTICATED = frozenset({"token", "request", "timestamp", "remote_address"})
_INFO = frozenset({"label", "profile"})
_BULK = frozenset({"label", "profile", "requests"})
_NO_TIME = ("", "0001-01-01T00:00:00Z")  # how Go writes "no time"
# What cfssl's clients send without being asked. Only its empty value is taken: it would change what is signed.
_EMPTY: Mapping[str, tuple[Any, ...]] = {
    "crl_override": ("",),
    "extensions": ([],),
    "serial": (),
    "metadata": ({},),
    "NotBefore": _NO_TIME,
    "NotAfter": _NO_TIME,
    "ReturnPrecert": (False,),
}
_ITEM = frozenset({"certificate_request", "hosts", "hostname", "subject", *_EMPTY})
_SIGN = _ITEM | _INFO | {"bundle"}


@dataclass(frozen=True)
class Subject:
    """A subject that replaces the CSR's. ``names`` as cfssl writes them: ``({"C": …, "O": …}, …)``."""

    common_name: str
    names: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class SignRequest:
    """One certificate that is asked for. ``hosts`` replaces the CSR's names where it is not ``None``."""

    label: str
    profile: str
    csr: str
    hosts: tuple[str, ...] | None = None
    subject: Subject | None = None
    bundle: bool = False


@dataclass(frozen=True)
class BulkRequest:
    """Many requests of one label and profile; one that cannot be read stands as its refusal."""

    label: str
    profile: str
    requests: tuple[SignRequest | Refused, ...]


@dataclass(frozen=True)
class Authenticated:
    """A request and its token. cfssl's time and address are not covered by the token, so they are not kept."""

    request: bytes
    token: bytes


def authenticated(body: bytes) -> Authenticated:
    """The outer message of ``authsign``.

    :raises Refused: when it is none.
    """
    fields = parsing.json_object(body, _AUTHENTICATED, "the request")
    if not isinstance(fields.get("timestamp", 0), int | None):
        raise Refused(400, DOOR, "timestamp must be a whole number")
    parsing.base64_bytes(fields, "remote_address")
    return Authenticated(parsing.base64_bytes(fields, "request"), parsing.base64_bytes(fields, "token"))


def sign_request(data: bytes) -> SignRequest:
    """The request of ``sign``, and the inner one of ``authsign``.

    :raises Refused: when it is none, or asks for what is not offered.
    """
    fields = parsing.json_object(data, _SIGN, "the sign request")
    bundle = fields.get("bundle")
    if not isinstance(bundle, bool | None):
        raise bad_request("bundle must be true or false")
    return _item(fields, *_label_and_profile(fields), bundle=bool(bundle))


def bulk_request(data: bytes) -> BulkRequest:
    """The inner request of our bulk call: ``{"label", "profile", "requests": [{"certificate_request", …}, …]}``.

    :raises Refused: when it is none; a fault of one of its requests is that one's only.
    """
    fields = parsing.json_object(data, _BULK, "the sign request")
    label, profile = _label_and_profile(fields)
    items = fields.get("requests")
    if not isinstance(items, list) or not 1 <= len(items) <= MAXIMUM_BULK:
        raise bad_request(f"requests must be a list of 1 to {MAXIMUM_BULK}")
    return BulkRequest(label, profile, tuple(_bulk_item(item, label, profile) for item in items))


def info_request(data: bytes) -> tuple[str, str]:
    """Label and profile of ``info`` and ``crl``.

    :raises Refused: when the message is none.
    """
    return _label_and_profile(parsing.json_object(data, _INFO, "the request"))


def success(result: Any, messages: tuple[tuple[int, str], ...] = ()) -> bytes:
    """The envelope of an answer."""
    return _envelope(True, result, (), messages)


def error(code: int, message: str) -> bytes:
    """The envelope of a refusal."""
    return _envelope(False, None, ((code, message),), ())


def _envelope(
    well: bool, result: Any, errors: tuple[tuple[int, str], ...], messages: tuple[tuple[int, str], ...]
) -> bytes:
    data = {
        "success": well,
        "result": result,
        "errors": [{"code": code, "message": message} for code, message in errors],
        "messages": [{"code": code, "message": message} for code, message in messages],
    }
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def _label_and_profile(fields: Mapping[str, Any]) -> tuple[str, str]:
    return parsing.text(fields, "label", MAXIMUM_LABEL), parsing.text(fields, "profile", MAXIMUM_LABEL)


def _bulk_item(item: object, label: str, profile: str) -> SignRequest | Refused:
    try:
        if not isinstance(item, dict) or not set(item) <= _ITEM:
            raise bad_request("a request holds an unknown field, or is not a JSON object")
        return _item(item, label, profile)
    except Refused as refusal:
        return refusal


def _item(fields: Mapping[str, Any], label: str, profile: str, *, bundle: bool = False) -> SignRequest:
    for name, empty in _EMPTY.items():
        value = fields.get(name)
        if value is not None and (type(value), value) not in [(type(none), none) for none in empty]:
            raise Refused(400, INVALID_REQUEST, f"Policy violation request: {name} cannot be asked for")
    csr = parsing.text(fields, "certificate_request", MAXIMUM_CSR)
    if not csr:
        raise bad_request("missing parameter 'certificate_request'")
    hostname = parsing.text(fields, "hostname", MAXIMUM_HOSTS * MAXIMUM_NAME)
    if hostname:
        fields = {**fields, "hosts": hostname.split(",")}
    hosts = parsing.texts(fields, "hosts", MAXIMUM_HOSTS, MAXIMUM_NAME)
    return SignRequest(label, profile, csr, hosts or None, _subject(fields.get("subject")), bundle)


def _subject(value: object) -> Subject | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not set(value) <= {"CN", "names", "SerialNumber"}:
        raise bad_request("subject may hold CN and names only")
    if value.get("SerialNumber"):
        raise Refused(400, INVALID_REQUEST, "Policy violation request: a serial number in a subject is never signed")
    names = value.get("names") or []
    if not isinstance(names, list) or len(names) > MAXIMUM_HOSTS:
        raise bad_request(f"names of a subject must be a list of at most {MAXIMUM_HOSTS}")
    return Subject(parsing.text(value, "CN", MAXIMUM_LABEL), tuple(_name(entry) for entry in names))


def _name(entry: object) -> Mapping[str, str]:
    if not isinstance(entry, dict) or not set(entry) <= SUBJECT_FIELDS:
        raise bad_request(f"a name of a subject may hold {', '.join(sorted(SUBJECT_FIELDS))} only")
    found = {field: parsing.text(entry, field, MAXIMUM_LABEL) for field in entry}
    return {field: text for field, text in found.items() if text}
