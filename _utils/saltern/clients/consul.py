"""Consul: keys, catalog, health, sessions through python-consul2; what that lacks through the same HTTP layer.

The package is quiet since 2020. Here it never opens a connection of its own: it only builds requests and reads answers,
so that another library can take its place behind this file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from consul import base as library

from saltern.clients.consul_acl import ConsulAcl
from saltern.clients.http import Answer, Client, Endpoint, Quorum

MEMBER_STATES = {0: "none", 1: "alive", 2: "leaving", 3: "left", 4: "failed"}  # serf.MemberStatus


@dataclass(frozen=True)
class Member:
    """A member of the LAN gossip pool. ``state`` is serf's word: alive, leaving, left, failed."""

    name: str
    address: str
    state: str
    server: bool


class _Transport(library.HTTPClient):  # type: ignore[misc]  # the library has no types
    """Carries the library's requests over the project's own endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__()
        self._endpoint = endpoint

    def get(self, callback: Callable[[Any], Any], path: str, params: Any = None, headers: Any = None) -> Any:
        """GET for the library."""
        return self._send("GET", callback, path, params)

    def put(
        self, callback: Callable[[Any], Any], path: str, params: Any = None, data: Any = "", headers: Any = None
    ) -> Any:
        """PUT for the library."""
        return self._send("PUT", callback, path, params, data)

    def delete(
        self, callback: Callable[[Any], Any], path: str, params: Any = None, data: Any = "", headers: Any = None
    ) -> Any:
        """DELETE for the library."""
        return self._send("DELETE", callback, path, params, data)

    def post(
        self, callback: Callable[[Any], Any], path: str, params: Any = None, data: Any = "", headers: Any = None
    ) -> Any:
        """POST for the library."""
        return self._send("POST", callback, path, params, data)

    def _send(self, method: str, callback: Callable[[Any], Any], path: str, params: Any, data: Any = "") -> Any:
        body = data.encode() if isinstance(data, str) else data
        answer: Answer = self._endpoint.request(method, path, params=dict(params or ()), data=body or None, also=(404,))
        return callback(library.Response(answer.status, answer.headers, answer.text, answer.body))


class _Agent:
    """What the parts of the library ask of their whole, which is never made: it reads ``CONSUL_HTTP_*``."""

    token = None  # the endpoint presents it
    dc = None
    consistency = "default"

    def __init__(self, endpoint: Endpoint) -> None:
        self.http = _Transport(endpoint)


class Consul(Client, Quorum, ConsulAcl):
    """Consul's API on one agent."""

    SERVICE, PORT = "Consul", 8501

    def _attach(self) -> None:
        agent = _Agent(self.endpoint)
        self._kv, self._session = library.Consul.KV(agent), library.Consul.Session(agent)
        self._catalog, self._health = library.Consul.Catalog(agent), library.Consul.Health(agent)

    # The agent and the members

    def members(self) -> list[Member]:
        """The members that this agent sees and the token may read (``node:read``)."""
        return [
            Member(m["Name"], m["Addr"], MEMBER_STATES.get(m["Status"], "none"), m["Tags"].get("role") == "consul")
            for m in self.endpoint.get("/v1/agent/members") or []
        ]

    def agent_self(self) -> dict[str, Any]:
        """The agent's own configuration and member. Rights: ``agent:read``."""
        return dict(self.endpoint.get("/v1/agent/self"))

    def set_agent_token(self, kind: str, secret_id: str) -> None:
        """Hand the agent one of its tokens; the same token again makes it synchronise at once.

        Rights: ``agent:write`` on that agent.

        :param kind: ``agent``, ``default``, ``dns``, ``config_file_service_registration``, ``replication``.
        """
        self.endpoint.put(f"/v1/agent/token/{kind}", {"Token": secret_id})

    def force_leave(self, node: str) -> None:
        """Make the members forget one that failed or left. Rights: ``operator:write``."""
        self.endpoint.request("PUT", f"/v1/agent/force-leave/{node}", params={"prune": "true"})

    # Keys

    def kv_get(self, key: str) -> bytes | None:
        """A key's value, ``None`` where there is no such key."""
        _, row = self._kv.get(key)
        return None if row is None else bytes(row["Value"] or b"")

    def kv_row(self, key: str) -> dict[str, Any] | None:
        """A key with its ``ModifyIndex``, ``Session`` and ``Value`` (bytes)."""
        _, row = self._kv.get(key)
        return None if row is None else dict(row)

    def kv_keys(self, prefix: str) -> list[str]:
        """The names below ``prefix``."""
        _, names = self._kv.get(prefix, keys=True)
        return list(names or [])

    def kv_put(self, key: str, value: bytes | str, *, cas: int | None = None) -> bool:
        """Write; with ``cas`` only when the key's ``ModifyIndex`` is that (0: only when it does not exist)."""
        return bool(self._kv.put(key, value, cas=cas))

    def kv_delete(self, key: str, *, recurse: bool = False) -> bool:
        """Delete a key, or everything below a prefix."""
        return bool(self._kv.delete(key, recurse=recurse or None))

    def ensure_key(self, key: str, value: bytes | str) -> bool:
        """Make ``key`` hold ``value``; whether that changed anything."""
        wanted = value.encode() if isinstance(value, str) else value
        if self.kv_get(key) == wanted:
            return False
        self.kv_put(key, wanted)
        return True

    # Catalog and health

    def nodes(self) -> list[dict[str, Any]]:
        """The catalog's nodes that the token may read; an anonymous reader gets an empty list, not an error."""
        _, rows = self._catalog.nodes()
        return list(rows or [])

    def services(self) -> dict[str, list[str]]:
        """The catalog's services and their tags."""
        _, rows = self._catalog.services()
        return dict(rows or {})

    def service_health(self, name: str, *, passing: bool = True) -> list[dict[str, Any]]:
        """Instances of a service, only those whose checks pass if not told: ``[{Node, Service, Checks}, …]``."""
        _, rows = self._health.service(name, passing=passing or None)
        return list(rows or [])

    def health_node(self, node: str) -> list[dict[str, Any]]:
        """A node's checks."""
        _, rows = self._health.node(node)
        return list(rows or [])

    # Sessions, snapshot

    def session_create(self, name: str, *, ttl: int, behavior: str = "release", lock_delay: int = 15) -> str:
        """A session on this agent's node; its id. ``ttl`` and ``lock_delay`` in seconds. Rights: ``session:write``."""
        return str(self._session.create(name=name, ttl=ttl, behavior=behavior, lock_delay=lock_delay))

    def session_destroy(self, session: str) -> None:
        """End a session."""
        self._session.destroy(session)

    def sessions(self) -> list[dict[str, Any]]:
        """The sessions that the token may read."""
        _, rows = self._session.list()
        return list(rows or [])

    def snapshot(self) -> bytes:
        """A snapshot of the whole state. Rights: ``acl:write``: it can mint tokens, so treat it as management."""
        return self.endpoint.request("GET", "/v1/snapshot").body
