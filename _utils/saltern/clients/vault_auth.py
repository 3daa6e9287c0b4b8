"""Vault's doors: AppRole, JWT, tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saltern.clients.http import Endpoint
from saltern.errors import ServiceRefused


class VaultAuth:
    """Logins and tokens. A login leaves this client's own token as it is. Roles are set by ``Vault.ensure``."""

    endpoint: Endpoint
    library_auth: Any

    def approle_login(self, role_id: str, secret_id: str, *, mount: str = "approle") -> str:
        """A token for both halves of an AppRole. Anonymous."""
        answer = self.library_auth.approle.login(role_id, secret_id, use_token=False, mount_point=mount)
        return str(answer["auth"]["client_token"])

    def jwt_login(self, role: str, jwt: str, *, mount: str = "jwt") -> str:
        """A token for a JWT. Anonymous."""
        answer = self.library_auth.jwt.jwt_login(role, jwt, use_token=False, path=mount)
        return str(answer["auth"]["client_token"])

    def create_token(
        self,
        *,
        policies: Sequence[str],
        id: str = "",  # noqa: A002 - Vault's own name for it
        orphan: bool = True,
        period: str = "",
        ttl: str = "",
        display_name: str = "",
    ) -> str:
        """A new token. Rights: ``auth/token/create``; a chosen id and an orphan need root or sudo.

        :param id: the token itself, where it is chosen beforehand: without dots.
        :param period: a duration: the token lives as long as it is renewed within it.
        :param ttl: a duration, where there is no period.
        """
        body: dict[str, Any] = {"policies": list(policies), "no_parent": orphan, "renewable": True}
        optional = {"id": id, "period": period, "ttl": ttl, "display_name": display_name}
        body |= {key: value for key, value in optional.items() if value}
        return str(self.endpoint.post("/v1/auth/token/create", body)["auth"]["client_token"])

    def ensure_token(self, token: str, *, policies: Sequence[str], period: str, display_name: str = "") -> bool:
        """Make an orphan, periodic token with this chosen id exist; whether that changed anything.

        A token's policies never change: one with others is revoked and made again.
        """
        found = self.lookup(token)
        if found is not None:
            if set(found["policies"]) - {"default"} == set(policies) - {"default"} and found["orphan"]:
                return False
            self.revoke(token)
        self.create_token(policies=policies, id=token, period=period, display_name=display_name)
        return True

    def lookup(self, token: str) -> dict[str, Any] | None:
        """What Vault knows of a token, or ``None`` when it is none (expired, revoked, never made)."""
        return self._lookup("/v1/auth/token/lookup", {"token": token})

    def lookup_accessor(self, accessor: str) -> dict[str, Any] | None:
        """What Vault knows of the token with this accessor, or ``None``."""
        return self._lookup("/v1/auth/token/lookup-accessor", {"accessor": accessor})

    def lookup_self(self) -> dict[str, Any] | None:
        """What Vault knows of the token that this client presents, or ``None`` when it is none."""
        try:
            return dict(self.library_auth.token.lookup_self()["data"])
        except ServiceRefused as refused:
            if refused.status == 403:
                return None
            raise

    def renew_self(self) -> int:
        """Renew the token that this client presents; the seconds it lives now."""
        return int(self.library_auth.token.renew_self()["auth"]["lease_duration"])

    def revoke(self, token: str) -> None:
        """Revoke a token, its children and their leases."""
        self.endpoint.post("/v1/auth/token/revoke", {"token": token})

    def revoke_accessor(self, accessor: str) -> None:
        """Revoke a token by its accessor."""
        self.endpoint.post("/v1/auth/token/revoke-accessor", {"accessor": accessor})

    def revoke_self(self) -> None:
        """Revoke the token that this client presents."""
        self.library_auth.token.revoke_self()

    def _lookup(self, path: str, body: Mapping[str, str]) -> dict[str, Any] | None:
        try:
            return dict(self.endpoint.post(path, dict(body))["data"])
        except ServiceRefused as refused:
            if refused.status == 404 or "bad token" in refused.detail or "invalid accessor" in refused.detail:
                return None
            raise
