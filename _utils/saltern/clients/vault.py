"""Vault: state and whatever lies at a path; its system and its doors have files of their own. hvac builds requests."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from enum import Enum
from typing import Any

import requests
from hvac import adapters, api

from saltern.clients.http import Client, Endpoint
from saltern.clients.vault_auth import VaultAuth
from saltern.clients.vault_system import VaultSystem, holds
from saltern.errors import ServiceRefused, ServiceUnreachable


class Health(Enum):
    """What ``sys/health`` says by its status code."""

    ACTIVE = 200
    STANDBY = 429
    UNINITIALISED = 501
    SEALED = 503
    UNREACHABLE = 0

    @property
    def unsealed(self) -> bool:
        """Whether the barrier is open."""
        return self in (Health.ACTIVE, Health.STANDBY)


class _Adapter(adapters.JSONAdapter):  # type: ignore[misc]  # the library has no types
    """Carries hvac's requests over the project's own endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(session=requests.Session())  # never used: the endpoint has its own
        self._endpoint = endpoint

    def request(self, method: str, url: str, headers: Any = None, raise_exception: bool = True, **kwargs: Any) -> Any:
        """The answer's data for hvac; an error is the endpoint's, never hvac's."""
        answer = self._endpoint.request(method.upper(), url, json=kwargs.get("json"), params=kwargs.get("params"))
        return answer.json() or {}


class Vault(Client, VaultSystem, VaultAuth):
    """Vault's API on one node."""

    SERVICE, PORT = "Vault", 8200

    def _attach(self) -> None:
        adapter = _Adapter(self.endpoint)
        self.library_system = api.SystemBackend(adapter=adapter)
        self.library_auth = api.AuthMethods(adapter=adapter)
        self._engines = api.SecretsEngines(adapter=adapter)

    def health(self) -> Health:
        """The node's state; no answer is ``UNREACHABLE``. Anyone may ask."""
        try:
            return self.state()
        except ServiceUnreachable:
            return Health.UNREACHABLE

    def state(self) -> Health:
        """The node's state. Anyone may ask.

        :raises ServiceUnreachable: no answer, with the reason.
        """
        codes = tuple(state.value for state in Health)
        return Health(self.endpoint.request("GET", "/v1/sys/health", also=codes).status)

    def is_reachable(self) -> bool:
        """Whether Vault answers, in whatever state."""
        return self.health() is not Health.UNREACHABLE

    def leader(self) -> dict[str, Any]:
        """``{ha_enabled, is_self, leader_address, leader_cluster_address}``. Anyone may ask, unless it is sealed."""
        return dict(self.endpoint.get("/v1/sys/leader"))

    # Whatever lies at a path

    def read(self, path: str) -> dict[str, Any] | None:
        """Vault's whole answer (``data``, ``lease_id``, …) for ``path``, or ``None`` where there is nothing."""
        found = self.endpoint.find(f"/v1/{path}")
        return None if found is None else dict(found)

    def write(self, path: str, /, **values: Any) -> dict[str, Any]:
        """Write ``values`` to ``path``; Vault's whole answer, often empty."""
        return dict(self.endpoint.put(f"/v1/{path}", values) or {})

    def ensure(self, path: str, /, **values: Any) -> bool:
        """Make what is at ``path`` (a role, a configuration) hold ``values``; whether that changed anything.

        What Vault does not give back (tokens, passwords) is not compared: ``write`` it when it was rotated.
        Durations may be given as ``15m`` or in seconds.
        """
        found = self.read(path)
        if found is not None and holds(found["data"], values):
            return False
        self.write(path, **values)
        return True

    # KV version 2

    def kv_get(self, mount: str, path: str) -> dict[str, Any] | None:
        """The newest version of a secret, or ``None``."""
        found = self.read(f"{mount}/data/{path}")
        return None if found is None else dict(found["data"]["data"])

    def kv_put(self, mount: str, path: str, values: Mapping[str, str]) -> int:
        """Write a new version; its number."""
        answer = self._engines.kv.v2.create_or_update_secret(path, dict(values), mount_point=mount)
        return int(answer["data"]["version"])

    def ensure_kv(self, mount: str, path: str, values: Mapping[str, str]) -> bool:
        """Make the newest version hold just ``values``; whether that changed anything."""
        if self.kv_get(mount, path) == dict(values):
            return False
        self.kv_put(mount, path, values)
        return True

    # Transit: the seal of another Vault

    def ensure_transit_key(self, name: str, *, mount: str = "transit") -> bool:
        """Make a key for encryption exist, not exportable; whether that changed anything."""
        if self.read(f"{mount}/keys/{name}") is not None:
            return False
        self._engines.transit.create_key(name, exportable=False, mount_point=mount)
        return True

    def encrypts(self, key: str, *, mount: str = "transit") -> bool:
        """Whether the presented token can encrypt with ``key`` and decrypt again: just what a seal asks for."""
        probe = base64.b64encode(b"saltern").decode()
        try:
            sealed = self.write(f"{mount}/encrypt/{key}", plaintext=probe)["data"]["ciphertext"]
            return bool(self.write(f"{mount}/decrypt/{key}", ciphertext=sealed)["data"]["plaintext"] == probe)
        except ServiceRefused as refused:
            if refused.status in (400, 403, 404):
                return False
            raise
