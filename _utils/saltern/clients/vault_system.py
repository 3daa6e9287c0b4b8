"""Vault's own system: init, seal, mounts, policies, audit, step-down, leases, snapshots."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saltern.clients.http import Endpoint
from saltern.errors import ServiceError


@dataclass(frozen=True)
class Initialised:
    """The one-shot answer of an init.

    :param shares: in base64; with PGP keys each is a PGP message to its holder, in the order of the keys.
    """

    root_token: str = field(repr=False)
    shares: list[str] = field(repr=False)


def binary_key(key: str) -> str:
    """A PGP public key as Vault wants it (base64 of the binary form), from ASCII armour or from that form itself.

    :raises ServiceError: when it is neither.
    """
    lines = [line.strip() for line in key.strip().splitlines()]
    if lines and lines[0].startswith("-----BEGIN PGP"):
        start = lines.index("") if "" in lines else 0
        lines = [line for line in lines[start + 1 :] if line and not line.startswith(("-----", "="))]
    text = "".join(lines)
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        text = ""
    if not text:
        raise ServiceError("An operator's key is no PGP public key.", cure="Export it with `gpg --armor --export`.")
    return text


class VaultSystem:
    """Init, seal and what an administrator sets. Rights: root or a policy on ``sys/*`` where nothing else is said."""

    endpoint: Endpoint
    library_system: Any

    # Init and seal: nobody has a token yet, anyone who reaches the port may call these

    def is_initialised(self) -> bool:
        """Whether the storage holds a Vault."""
        return bool(self.library_system.is_initialized())

    def initialise(
        self, shares: int, threshold: int, pgp_keys: Sequence[str] = (), *, recovery: bool, root_token_pgp_key: str = ""
    ) -> Initialised:
        """Initialise, once and for ever: the answer cannot be had again.

        :param pgp_keys: one for each share, ASCII armour or the binary form in base64.
        :param recovery: true with an auto-unseal seal: recovery shares, which unseal nothing. False: unseal shares.
        :param root_token_pgp_key: seals the root token too.
        """
        # Not through hvac: it mixes secret_* into the request for an auto-unseal seal.
        kind = "recovery" if recovery else "secret"
        body: dict[str, Any] = {f"{kind}_shares": shares, f"{kind}_threshold": threshold}
        if pgp_keys:
            body["recovery_pgp_keys" if recovery else "pgp_keys"] = [binary_key(key) for key in pgp_keys]
        if root_token_pgp_key:
            body["root_token_pgp_key"] = binary_key(root_token_pgp_key)
        answer = self.endpoint.put("/v1/sys/init", body)
        return Initialised(answer["root_token"], list(answer["recovery_keys_base64" if recovery else "keys_base64"]))

    def seal_status(self) -> dict[str, Any]:
        """``{type, initialized, sealed, t, n, progress, version, …}``: ``t`` shares of ``n`` unseal."""
        return dict(self.library_system.read_seal_status())

    def unseal(self, share: str) -> bool:
        """Hand in one share (base64 or hexadecimal); whether this Vault is still sealed."""
        return bool(self.library_system.submit_unseal_key(share)["sealed"])

    def reset_unseal(self) -> None:
        """Forget the shares handed in so far."""
        self.library_system.submit_unseal_key(reset=True)

    def seal(self) -> None:
        """Seal this node. Rights: root or sudo on ``sys/seal``."""
        self.library_system.seal()

    def step_down(self) -> None:
        """Give up being active: an orderly failover takes 0.7 s, after a kill 40 s. Rights: sudo."""
        self.library_system.step_down()

    # What is mounted and allowed

    def mounts(self) -> dict[str, dict[str, Any]]:
        """Secret engines by path, with a trailing slash."""
        return dict(self.library_system.list_mounted_secrets_engines()["data"])

    def ensure_mount(
        self,
        path: str,
        kind: str,
        *,
        options: Mapping[str, str] | None = None,
        config: Mapping[str, str] | None = None,
        description: str = "",
    ) -> bool:
        """Make an engine of ``kind`` be mounted at ``path``; whether that changed anything.

        :param options: ``{"version": "2"}`` for ``kv``.
        :param config: ``default_lease_ttl`` and ``max_lease_ttl``, durations.
        :raises ServiceError: when another kind is mounted there: nothing is unmounted.
        """
        found = self.mounts().get(path.strip("/") + "/")
        if found is not None:
            self._same_kind(path, found, kind, options)
            return False
        self.library_system.enable_secrets_engine(
            kind, path=path, options=dict(options or {}), config=dict(config or {}), description=description
        )
        return True

    def auths(self) -> dict[str, dict[str, Any]]:
        """Auth methods by path, with a trailing slash."""
        return dict(self.library_system.list_auth_methods()["data"])

    def ensure_auth(self, path: str, kind: str, *, description: str = "") -> bool:
        """Make an auth method of ``kind`` be enabled at ``path``; whether that changed anything.

        :raises ServiceError: when another kind is enabled there: nothing is disabled.
        """
        found = self.auths().get(path.strip("/") + "/")
        if found is not None:
            self._same_kind(path, found, kind, None)
            return False
        self.library_system.enable_auth_method(kind, path=path, description=description)
        return True

    def policies(self) -> list[str]:
        """The names of the policies."""
        return list(self.library_system.list_acl_policies()["data"]["keys"])

    def policy(self, name: str) -> str | None:
        """A policy's text, or ``None``."""
        found = self.endpoint.find(f"/v1/sys/policies/acl/{name}")
        return None if found is None else str(found["data"]["policy"])

    def ensure_policy(self, name: str, rules: str) -> bool:
        """Make the policy say just this; whether that changed anything."""
        if (self.policy(name) or "").strip() == rules.strip():
            return False
        self.library_system.create_or_update_acl_policy(name, rules)
        return True

    def audits(self) -> dict[str, dict[str, Any]]:
        """Audit devices by path, with a trailing slash. Rights: sudo."""
        return dict(self.library_system.list_enabled_audit_devices()["data"])

    def ensure_audit(self, path: str, kind: str, options: Mapping[str, str]) -> bool:
        """Make an audit device be enabled (secrets in its log are hashed); whether that changed anything.

        :param options: for ``file``: ``file_path``, in a directory that Vault's user may write.
        """
        if path.strip("/") + "/" in self.audits():
            return False
        self.library_system.enable_audit_device(kind, path=path, options=dict(options))
        return True

    # Leases and snapshots

    def revoke_lease(self, lease: str) -> None:
        """Revoke one lease at once."""
        self.library_system.revoke_lease(lease)

    def raft_snapshot(self) -> bytes:
        """A snapshot of a Vault on raft storage (the transit Vault)."""
        return self.endpoint.request("GET", "/v1/sys/storage/raft/snapshot").body

    def _same_kind(self, path: str, found: Mapping[str, Any], kind: str, options: Mapping[str, str] | None) -> None:
        version, wanted = (found.get("options") or {}).get("version", ""), (options or {}).get("version", "")
        if found["type"] != kind or (wanted and version != wanted):
            raise ServiceError(
                f"Vault has {found['type']} {version} at {path}, not {kind} {wanted}.",
                node=self.endpoint.node,
                cure="Move or disable it by hand: what it holds goes with it.",
            )


def holds(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether ``found`` says all of ``wanted`` that Vault gives back.

    Lists of names are sets to Vault, durations come back in seconds, text without its last newline.
    """
    return all(_plain(found[key]) == _plain(value) for key, value in wanted.items() if key in found)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return sorted(str(row).strip() for row in value)
    if isinstance(value, str):
        return _seconds(value.strip()) or None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return value or None


def _seconds(text: str) -> str | int:
    """A duration in seconds; any other text as it is."""
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text)
    if not text or parts is None:
        return text
    hours, minutes, seconds = (int(part or 0) for part in parts.groups())
    return hours * 3600 + minutes * 60 + seconds
