"""``cfssl.json`` of a signer: profiles and auth keys, read into what Saltern offers; every other feature is a problem.

Source of the fields: cfssl's ``config/config.go``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from saltern.cfssl import auth
from saltern.errors import CertificateError, Problem

DEFAULT = ""  # the name under which the default profile stands
_TAKEN = {"usages", "expiry", "backdate", "auth_key", "prev_auth_key", "name_whitelist"}
# Fields that change nothing in this value, which cfssl's own examples often write; any other value is a problem.
_HARMLESS: Mapping[str, tuple[Any, ...]] = {
    "ca_constraint": ({}, {"is_ca": False}),
    "copy_extensions": (False,),
    "ocsp_no_check": (False,),
    "ClientProvidesSerialNumbers": (False,),
    "lint_error_level": (0,),
}
_UNSUPPORTED = {
    "issuer_urls", "ocsp_url", "crl_url", "remote", "not_before", "not_after", "auth_remote", "ct_log_servers",
    "allowed_extensions", "cert_store", "ignored_lints", "ignored_lint_sources", "Policies", "CSRWhitelist",
}  # fmt: skip
_DURATION = re.compile(r"(?=[0-9])(?:([0-9]{1,7})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,11})s)?")
_NOT_SHARED = re.compile(r"\\[pPzQEC]|\[\[:|\(\?[^:P)iims-]|\\[1-9]")  # RE2 and Python differ, or only one has it


class Sources(Protocol):
    """Where a set-up lies: its files and the environment of the cfssl that used it."""

    def file(self, path: str) -> bytes | None:
        """The content of a file, ``None`` where there is none."""

    def variable(self, name: str) -> str | None:
        """A variable of the environment."""


@dataclass(frozen=True)
class ImportedProfile:
    """A profile as cfssl has it. ``lifetime`` and ``backdate`` in seconds; an empty whitelist admits every name."""

    name: str
    usages: tuple[str, ...]
    lifetime: int
    backdate: int = 300  # cfssl's own default
    auth_key: str = ""
    previous_key: str = ""
    name_whitelist: str = ""

    def allows_name(self, name: str) -> bool:
        """Whether common name, DNS name, mail address or URI may be ``name``; cfssl never looks at addresses here."""
        return not self.name_whitelist or re.search(self.name_whitelist, name, re.ASCII) is not None


@dataclass(frozen=True)
class SigningConfig:
    """Profiles by name (the default one by the empty name) and auth keys (hexadecimal digits) by name."""

    profiles: Mapping[str, ImportedProfile]
    auth_keys: Mapping[str, str] = field(repr=False)


class Reader:
    """Reads one ``cfssl.json``; what is wrong or not offered is collected in ``problems``.

    :param usages: the usages that profiles may have.
    """

    def __init__(self, file: str, sources: Sources, usages: Collection[str], problems: list[Problem]) -> None:
        self.file, self.sources, self.usages, self.problems = file, sources, usages, problems

    def read(self, data: bytes) -> SigningConfig:
        """The configuration."""
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            self._wrong("", f"is no JSON: {error}", "mend it; `cfssl print-defaults config` shows the form.")
            return SigningConfig({}, {})
        top = self._object("", document, {"signing", "auth_keys", "remotes", "ocsp"})
        for name in ("ocsp", "remotes"):
            if top.get(name):
                self._unsupported(name)
        keys = self._object("auth_keys", top.get("auth_keys"))
        auth_keys = {name: self._auth_key(f"auth_keys.{name}", value) for name, value in keys.items()}
        signing = self._object("signing", top.get("signing"), {"default", "profiles"})
        if not signing:
            self._wrong("signing", "is missing", "a signer has at least a default profile.")
        profiles = self._object("signing.profiles", signing.get("profiles"))
        given = {name: (f"signing.profiles.{name}", value) for name, value in profiles.items()}
        if signing.get("default") is not None:
            given[DEFAULT] = ("signing.default", signing["default"])
        read = {name: self._profile(name, where, value, auth_keys) for name, (where, value) in given.items()}
        return SigningConfig(read, auth_keys)

    def _profile(self, name: str, where: str, value: Any, keys: Collection[str]) -> ImportedProfile:
        fields = self._object(where, value, _TAKEN | set(_HARMLESS) | _UNSUPPORTED)
        for feature in sorted(_UNSUPPORTED & set(fields)):
            if fields[feature]:
                self._unsupported(f"{where}.{feature}")
        for feature, harmless in _HARMLESS.items():
            if feature in fields and fields[feature] not in harmless:
                self._unsupported(f"{where}.{feature}")
        for field_ in ("auth_key", "prev_auth_key"):
            if self._text(where, fields, field_) and fields[field_] not in keys:
                self._wrong(f"{where}.{field_}", "names no key of auth_keys", "name one that is there.")
        return ImportedProfile(
            name,
            self._usages(where, fields.get("usages")),
            self._duration(where, fields, "expiry", 0),
            self._duration(where, fields, "backdate", ImportedProfile.backdate),
            self._text(where, fields, "auth_key"),
            self._text(where, fields, "prev_auth_key"),
            self._whitelist(where, fields),
        )

    def _usages(self, where: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(usage, str) for usage in value):
            self._wrong(f"{where}.usages", "must be a list of usages", f"choose of {', '.join(self.usages)}.")
            return ()
        for usage in value:
            if usage not in self.usages:
                self._wrong(f"{where}.usages", f"`{usage}` is not offered", f"choose of {', '.join(self.usages)}.")
        return tuple(value)

    def _duration(self, where: str, fields: Mapping[str, Any], name: str, default: int) -> int:
        text = self._text(where, fields, name)
        match = _DURATION.fullmatch(text)
        if match is None and (text or not default):
            self._wrong(f"{where}.{name}", f"`{text}` is no duration", "write hours, minutes, seconds: `8760h`.")
        if match is None:
            return default
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        total = hours * 3600 + minutes * 60 + seconds
        if not total and not default:
            self._wrong(f"{where}.{name}", "is no time at all", "write how long a certificate is valid: `8760h`.")
        return total or default  # cfssl takes no time for "not said"

    def _whitelist(self, where: str, fields: Mapping[str, Any]) -> str:
        text = self._text(where, fields, "name_whitelist")
        try:
            re.compile(text, re.ASCII)
            same = not _NOT_SHARED.search(text)
        except (re.error, OverflowError, RecursionError):
            same = False
        if not same:
            cure = "write it without Unicode classes, look-around and back references."
            self._wrong(f"{where}.name_whitelist", "cannot be read as cfssl reads it", cure)
            return ""
        return text

    def _auth_key(self, where: str, value: Any) -> str:
        fields = self._object(where, value, {"type", "key"})
        if fields.get("type") != "standard":
            self._wrong(f"{where}.type", "is not `standard`", "cfssl knows no other, either.")
        text = self._text(where, fields, "key")
        if source := auth.source_of(text):
            kind, name = source
            found = self.sources.variable(name) if kind == "env" else _text_of(self.sources.file(name))
            if found is None:
                self._wrong(f"{where}.key", f"{text} does not exist", "set it, or write the key here.")
                return ""
            text = found.strip()
        try:
            auth.key_of(text)
        except CertificateError as error:
            self._wrong(f"{where}.key", error.what, f"give the clients another key: {error.cure}.")
        return text

    def _text(self, where: str, fields: Mapping[str, Any], name: str) -> str:
        value = fields.get(name)
        if value is None or isinstance(value, str):
            return value or ""
        self._wrong(f"{where}.{name}", "must be text", "put it in quotes.")
        return ""

    def _object(self, where: str, value: Any, known: Collection[str] | None = None) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._wrong(where, "must be a JSON object", "write it in braces.")
            return {}
        for name in value:
            if known is not None and name not in known:
                inner = f"{where}.{name}" if where else name
                self._wrong(inner, "is no field that cfssl knows", f"take it away. Known: {', '.join(sorted(known))}.")
        return value

    def _unsupported(self, where: str) -> None:
        self._wrong(where, "is a feature of cfssl that is not taken over", "take it away, if nobody needs it.")

    def _wrong(self, where: str, what: str, cure: str) -> None:
        place = f"{self.file}: {where}" if where else self.file
        self.problems.append(Problem(what, where=place, cure=cure))


def written(config: SigningConfig) -> str:
    """The text of a ``cfssl.json``."""
    profiles = {name: _profile_fields(profile) for name, profile in config.profiles.items()}
    default = profiles.pop(DEFAULT, None)
    signing: dict[str, Any] = {"default": default} if default else {}
    keys = {name: {"type": "standard", "key": key} for name, key in config.auth_keys.items()}
    return json.dumps({"signing": {**signing, "profiles": profiles}, "auth_keys": keys}, indent=2) + "\n"


def _profile_fields(profile: ImportedProfile) -> dict[str, Any]:
    fields = {
        "usages": list(profile.usages),
        "expiry": duration(profile.lifetime),
        "backdate": duration(profile.backdate),
        "auth_key": profile.auth_key,
        "prev_auth_key": profile.previous_key,
        "name_whitelist": profile.name_whitelist,
    }
    return {name: value for name, value in fields.items() if value}


def duration(seconds: int) -> str:
    """A duration as cfssl writes it: ``8760h``, ``90s``."""
    return f"{seconds // 3600}h" if seconds % 3600 == 0 else f"{seconds}s"


def _text_of(data: bytes | None) -> str | None:
    return None if data is None else data.decode("ascii", "replace")
