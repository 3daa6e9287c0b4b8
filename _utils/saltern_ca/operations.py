"""What the core does when it is asked. Each operation gives its answer and the records that must be on disk before it
leaves; all run in one thread, one after the other, and take microseconds but for :func:`init`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltern import definition, paths
from saltern.cfssl import api
from saltern.errors import CertificateError, SalternError, SigningRefused
from saltern.pki import auth_keys, chain, profiles, roots
from saltern.pki.authority import Authority, Signed
from saltern.pki.entitlements import from_pillar
from saltern.pki.inventory import Entry, Inventory, Record
from saltern_ca.issuer import ClientIssuer, RevocationLists

Message = dict[str, Any]
Answer = tuple[dict[str, Any], Sequence[Record]]
Stamp = tuple[Any, ...]
LOOK_SECONDS = 1.0  # so often, at most, the core looks whether what is declared has changed
log = logging.getLogger("saltern-ca")


@dataclass(frozen=True)
class Settings:
    """Where the authority's own files lie, and the declarations that it reads."""

    roots: str = paths.CA_ROOTS
    inventory: str = paths.ISSUED
    auth_keys: str = paths.CA_AUTH_KEYS
    declared: str = paths.ROOTS
    profiles: str = paths.PROFILES
    directory: str = paths.DEFINITION


class Core:
    """The authority with its inventory; locked until it has the unlock key."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.inventory = Inventory(settings.inventory, keep=True)
        self.lists = RevocationLists(self.inventory)
        self.auth_keys = auth_keys.AuthKeys(settings.auth_keys)
        self._key = b""
        self._authority: Authority | None = None
        self._declared: Stamp = ()
        self._look_at = 0.0

    @property
    def authority(self) -> Authority:
        """All roots and the profiles as they are declared now, ready to sign.

        :raises CertificateError: while it is locked.
        """
        if self._authority is None:
            raise CertificateError(
                "The certificate authority is locked.", cure="salt-run ca.unlock, with the unlock key on standard input"
            )
        if time.monotonic() >= self._look_at:
            self._look_again()
            self._look_at = time.monotonic() + LOOK_SECONDS
        return self._authority

    @property
    def locked(self) -> bool:
        """Whether it waits for its unlock key."""
        return self._authority is None

    def unlock(self, key: bytes) -> None:
        """Loads every root.

        :raises CertificateError: when the key opens not every one.
        """
        declared = self._stamp()
        lifetime = definition.load_cached(self.settings.directory).leaf_lifetime
        self._authority = Authority.load(self.settings.roots, key, profiles.declared(self.settings.profiles), lifetime)
        self._key, self._declared = key, declared
        self.lists.forget()

    def ensure_roots(self) -> tuple[str, ...]:
        """Makes the declared roots that are missing."""
        _ = self.authority
        made = roots.ensure(self.settings.declared, self.settings.roots, passphrase=self._key)
        self.unlock(self._key)
        return made

    def _look_again(self) -> None:
        """Takes changed declarations over; wrong ones change nothing, and are told once."""
        declared = self._stamp()
        if declared == self._declared:
            return
        try:
            self.unlock(self._key)
        except SalternError as error:
            log.warning("changed declarations are not used: %s", error)
            self._declared = declared

    def _stamp(self) -> Stamp:
        """What tells a changed declaration; a file that is gone for a moment is a change, too."""
        try:
            return (Path(self.settings.profiles).stat().st_mtime_ns, definition.stamp(self.settings.directory))
        except OSError as error:
            return (str(error),)

    def state(self) -> str:
        """One line for ``systemctl status`` and the log."""
        return "locked" if self.locked else f"signing with {', '.join(sorted(self.authority.roots)) or 'no root yet'}"


def state(core: Core, message: Message) -> Answer:
    """``locked``: whether it waits for its unlock key."""
    return {"locked": core.locked}, ()


def unlock(core: Core, message: Message) -> Answer:
    """Opens every root with ``key``."""
    core.unlock(_text(message, "key").strip().encode())
    return {"locked": False}, ()


def init(core: Core, message: Message) -> Answer:
    """Makes the declared roots that are missing: ``made``."""
    return {"made": list(core.ensure_roots())}, ()


def sign_node(core: Core, message: Message) -> Answer:
    """Signs ``requests`` (each ``spec`` and ``csr``) of ``node``, all or none; root has asked the registry."""
    node, requests = _text(message, "node"), message.get("requests")
    if not isinstance(requests, list):
        raise CertificateError("sign_node needs a list of requests.")
    signed: dict[str, Signed] = {}
    for one in requests:
        spec = from_pillar(one["spec"])
        signed[spec.label] = core.authority.sign_node(node, spec, one.get("csr"))
    return {"certificates": {label: one.pem for label, one in signed.items()}}, [one.record for one in signed.values()]


def sign_operator(core: Core, message: Message) -> Answer:
    """Signs ``csr`` for the command line of the operator ``name``, under ``root``."""
    signed = core.authority.sign_operator(_text(message, "name"), _text(message, "root"), message.get("csr"))
    return {"certificate": signed.pem}, [signed.record]


def cfssl(core: Core, message: Message) -> Answer:
    """A call of cfssl's protocol that the HTTP door hands on: ``path``, ``body``, ``remote``."""
    path, body, remote = (_text(message, name) for name in ("path", "body", "remote"))
    issuer = ClientIssuer(core.authority, core.auth_keys, core.lists)
    found = api.answer(path, body.encode(), remote, issuer)
    return {"status": found.status, "body": found.body.decode(), "refusals": list(found.refusals)}, found.records


def client_policy(core: Core, message: Message) -> Answer:
    """What a client must know of ``root`` and ``profile``: its auth key, made where there is none."""
    root, name = _text(message, "root"), _text(message, "profile")
    profile = core.authority.profiles.get(name)
    if profile is None or "clients" not in profile.askers:
        cure = f"choose a profile of {core.settings.profiles} whose askers hold `clients`."
        raise CertificateError(f"No profile {ascii(name)[:80]} is for clients.", cure=cure)
    if root not in core.authority.roots or not profile.issues_from(root):
        raise CertificateError(
            f"Root {ascii(root)[:80]} does not issue profile {name}.", cure="see `salt-run ca.roots`."
        )
    key = core.auth_keys.ensure(profile.auth_key) if profile.auth_key else ""
    return {"auth_key_name": profile.auth_key, "auth_key": key, "usages": list(profile.usages)}, ()


def list_issued(core: Core, message: Message) -> Answer:
    """Issued leaves: by ``serial``, those that end before ``until``, or those of ``asker`` and ``root``."""
    inventory, limit = core.inventory, int(message.get("limit", 100))
    if serial := message.get("serial"):
        found = [entry for entry in [inventory.find(str(serial))] if entry]
    elif until := message.get("until"):
        found = inventory.expiring(int(message.get("since", 0)), int(until), limit=limit)
    else:
        found = inventory.records(str(message.get("asker", "")), str(message.get("root", "")), limit=limit)
    return {"issued": [_row(entry) for entry in found]}, ()


def revoke(core: Core, message: Message) -> Answer:
    """Revokes the leaf ``serial`` for ever, for ``reason``, in the name of ``by``."""
    at = int(chain.now().timestamp())
    given = {"reason": _text(message, "reason"), "by": _text(message, "by"), "at": at}
    done = core.inventory.revoke(_text(message, "serial"), **given)  # type: ignore[arg-type]
    core.lists.forget()
    return {"revoked": vars(done)}, ()


def crl(core: Core, message: Message) -> Answer:
    """The revocation list of ``root`` as PEM."""
    root = _text(message, "root")
    if root not in core.authority.roots:
        raise CertificateError(f"There is no root {ascii(root)[:80]}.", cure="see `salt-run ca.roots`.")
    return {"crl": core.lists.pem(core.authority.roots[root])}, ()


OPERATIONS: dict[str, Callable[[Core, Message], Answer]] = {
    "state": state,
    "unlock": unlock,
    "init": init,
    "sign_node": sign_node,
    "sign_operator": sign_operator,
    "cfssl": cfssl,
    "client_policy": client_policy,
    "list": list_issued,
    "revoke": revoke,
    "crl": crl,
}
DOOR = frozenset({"cfssl"})  # all that the HTTP door may ask


def _text(message: Message, name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise SigningRefused(f"`{name}` must be text")
    return value


def _row(entry: Entry) -> dict[str, Any]:
    return {**vars(entry.record), "revoked": vars(entry.revocation) if entry.revocation else None}
