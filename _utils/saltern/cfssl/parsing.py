"""JSON from strangers: sizes bounded, types checked, every failure a refusal in cfssl's form."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from saltern.cfssl.refusal import DOOR, TOO_LARGE, Refused, bad_request, quoted


def too_large(size: int, maximum: int) -> Refused:
    """A request that nobody reads to its end."""
    return Refused(413, TOO_LARGE, f"request too large: {size} bytes, at most {maximum} may be")


def json_object(data: bytes, known: frozenset[str], what: str) -> dict[str, Any]:
    """The JSON object in ``data``, whose names are all in ``known``.

    :raises Refused: when it is anything else, or names something twice: the two ends might read different values.
    """
    try:
        found = json.loads(data, object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refused(400, DOOR, f"{what} is not valid JSON", f"{what} is not valid JSON: {quoted(error)}") from error
    if not isinstance(found, dict):
        raise Refused(400, DOOR, f"{what} is not a JSON object")
    for name in found:
        if name not in known:
            raise Refused(400, DOOR, f"{what} holds the unknown field {quoted(name)}")
    return found


def text(fields: Mapping[str, Any], name: str, maximum: int) -> str:
    """The text of ``name``, empty where there is none; JSON's null counts as none, as in Go."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise bad_request(f"{name} must be text")
    if len(value) > maximum:
        raise bad_request(f"{name} has {len(value)} characters, at most {maximum} may be")
    return value


def texts(fields: Mapping[str, Any], name: str, count: int, maximum: int) -> tuple[str, ...] | None:
    """The list of texts of ``name``; ``None`` where there is none."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad_request(f"{name} must be a list of texts")
    if len(value) > count:
        raise bad_request(f"{name} has {len(value)} entries, at most {count} may be")
    if any(len(item) > maximum for item in value):
        raise bad_request(f"an entry of {name} has more than {maximum} characters")
    return tuple(value)


def base64_bytes(fields: Mapping[str, Any], name: str) -> bytes:
    """The bytes that ``name`` holds in base64, empty where there is none."""
    value = fields.get(name)
    if value is None:
        return b""
    try:
        if not isinstance(value, str):
            raise TypeError
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise Refused(400, DOOR, f"{name} is not base64") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
