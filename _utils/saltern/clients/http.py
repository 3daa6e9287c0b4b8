"""One door to every HTTP API: TLS verified against one root, bounded times, errors in the project's own words.

A request is repeated only while the service itself says that it cannot answer *yet* (``TRANSIENT``) and within the
client's timeout. Redirects are never followed: they would carry the token to an address that nobody declared.
"""

from __future__ import annotations

import json as jsonlib
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ConnectTimeout, RequestException, SSLError, Timeout

from saltern.addresses import bracketed
from saltern.errors import ServiceError, ServiceRefused, ServiceUnreachable
from saltern.waiting import tries

Token = str | Callable[[], str | None] | None

CONNECT_SECONDS = 3.0  # a neighbour answers in milliseconds; a firewall that drops answers never
DETAIL_CHARACTERS = 300
TRANSIENT = (
    "no cluster leader",
    "no known consul servers",
    "leadership lost",
    "not the leader",
    "failed to get conn",  # an agent still asks the leader that just died
    "no path to region",
    "no path to datacenter",
    "acl system is currently in legacy mode",
    "upgrading from non-versioned to versioned",
    "active cluster node not found",
    "connection refused to the active node",
)
SECRET_WORDS = re.compile(r"secret|token|jwt|key|share|password|bearer|recovery", re.IGNORECASE)
SECRET_SHAPES = re.compile(r"\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}|\beyJ[\w-]+\.[\w-]+\.[\w-]*")
SHORTEST_SECRET = 8


@dataclass(frozen=True)
class Answer:
    """What a service answered."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as data; an empty body is ``None``."""
        try:
            return jsonlib.loads(self.body) if self.body.strip() else None
        except ValueError as error:
            raise ServiceError(f"An answer of status {self.status} is not JSON.") from error


def session(ca_file: str) -> requests.Session:
    """A session that trusts ``ca_file`` only and takes nothing (proxies, trust, credentials) from the environment."""
    made = requests.Session()
    made.trust_env = False
    made.verify = ca_file
    return made


def secrets_in(value: Any, name: str = "") -> set[str]:
    """Every text in a request's body whose name sounds like a secret."""
    if isinstance(value, dict):
        return {found for key, inner in value.items() for found in secrets_in(inner, str(key))}
    if isinstance(value, list | tuple):
        return {found for inner in value for found in secrets_in(inner, name)}
    secret = isinstance(value, str) and len(value) >= SHORTEST_SECRET and SECRET_WORDS.search(name)
    return {value} if secret else set()


def redacted(text: str, secrets: set[str]) -> str:
    """``text`` in one line, cut, without any of ``secrets`` and without what looks like a Vault token or a JWT."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "…")
    line = " ".join(SECRET_SHAPES.sub("…", text).split())
    return line if len(line) <= DETAIL_CHARACTERS else line[:DETAIL_CHARACTERS] + "…"


class Endpoint:
    """One service on one node.

    :param service: ``Consul``, ``Vault`` or ``Nomad``: for errors.
    :param address: the node's IP address, without scheme or port; certificates carry it.
    :param ca_file: the root that the service's certificate must come from.
    """

    token: Token = None
    timeout = 10.0  # seconds for one call, repetitions included
    node = ""  # the node's id, for errors

    def __init__(self, service: str, address: str, port: int, *, ca_file: str) -> None:
        self.service, self.address, self.port, self.ca_file = service, address, port, ca_file
        self.base = f"https://{bracketed(address)}:{port}"
        self._session = session(ca_file)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        data: bytes | None = None,
        also: tuple[int, ...] = (),
        token: str = "",
    ) -> Answer:
        """Ask, and answer with a status below 300 or one of ``also``.

        :param path: from ``/v1/…`` on, not yet quoted.
        :param data: a raw body, where ``json`` is none.
        :param token: presented in place of the endpoint's own.
        :raises ServiceUnreachable: no answer in time, or a certificate that does not verify.
        :raises ServiceRefused: any other status.
        """
        token = token or self._token()
        secrets = secrets_in(json) | ({token} if token else set())
        error: ServiceRefused | None = None
        for _ in tries(self.timeout):
            answer = self._once(method, path, json=json, params=params, data=data, token=token)
            if answer.status < 300 or answer.status in also:
                return answer
            error = self._refused(method, path, answer.status, redacted(_words(answer), secrets))
            if not any(text in error.detail.lower() for text in TRANSIENT):
                break
        assert error is not None  # noqa: S101 - it was tried at least once
        raise error

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The data at ``path``."""
        return self.request("GET", path, params=params).json()

    def find(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """The data at ``path``, or ``None`` where there is none (404)."""
        answer = self.request("GET", path, params=params, also=(404,))
        return None if answer.status == 404 else answer.json()

    def put(self, path: str, json: Any = None) -> Any:
        """Put ``json`` at ``path``; the answer's data."""
        return self.request("PUT", path, json=json).json()

    def post(self, path: str, json: Any = None) -> Any:
        """Post ``json`` to ``path``; the answer's data."""
        return self.request("POST", path, json=json).json()

    def delete(self, path: str, params: Mapping[str, Any] | None = None) -> bool:
        """Delete what is at ``path``; whether there was anything."""
        return self.request("DELETE", path, params=params, also=(404,)).status != 404

    def _token(self) -> str:
        return (self.token() if callable(self.token) else self.token) or ""

    def _once(
        self, method: str, path: str, *, json: Any, params: Mapping[str, Any] | None, data: bytes | None, token: str
    ) -> Answer:
        headers = {f"X-{self.service}-Token": token} if token else {}
        if self.service == "Vault":
            headers["X-Vault-Request"] = "true"  # Vault may be told to demand it, against forged requests
        try:
            response = self._session.request(
                method,
                self.base + quote(path, safe="/:"),
                json=json,
                data=data,
                params=params,
                headers=headers,
                allow_redirects=False,
                timeout=(min(CONNECT_SECONDS, self.timeout), self.timeout),
            )
        except RequestException as error:
            raise self._unreachable(error) from None  # the library's text may quote the request
        except OSError as error:
            raise ServiceUnreachable(
                f"The root {self.ca_file} cannot be read.",
                node=self.node,
                cure="Make the roots first: it is written when they are made.",
            ) from error
        return Answer(response.status_code, response.content, response.headers)

    def _unreachable(self, error: RequestException) -> ServiceUnreachable:
        unit, where = self.service.lower(), f"{self.service} at {bracketed(self.address)}:{self.port}"
        if isinstance(error, SSLError):
            return ServiceUnreachable(
                f"{where} shows a certificate that does not verify: {_tls_reason(error)}.",
                node=self.node,
                cure=f"Compare what the port serves with the root in {self.ca_file}; run the node's highstate.",
            )
        if isinstance(error, ConnectTimeout):
            return ServiceUnreachable(
                f"{where} does not take connections within {min(CONNECT_SECONDS, self.timeout):g} s.",
                node=self.node,
                cure="Is the node up, and does its firewall let this port in?",
            )
        if isinstance(error, Timeout):
            return ServiceUnreachable(
                f"{where} gave no answer within {self.timeout:g} s.",
                node=self.node,
                cure=f"Look at the node's load and at `journalctl -u {unit}` there.",
            )
        reason = "nobody listens there" if "refused" in str(error).lower() else "the connection failed"
        if not isinstance(error, NoConnection):
            reason = type(error).__name__
        return ServiceUnreachable(
            f"{where} cannot be reached: {reason}.",
            node=self.node,
            cure=f"Look at `systemctl status {unit}` and `journalctl -u {unit}` on the node.",
        )

    def _refused(self, method: str, path: str, status: int, detail: str) -> ServiceRefused:
        cures = {
            401: "Present a valid token.",
            403: "Present a token with the rights for this, or find out who changed its policies.",
            404: "Check the name, and that the engine or method is enabled.",
            429: "The service limits requests: wait, then try again.",
            503: "The service is sealed or overloaded: look at `salt-run cluster.status`.",
        }
        cure = cures.get(status, f"Look at `journalctl -u {self.service.lower()}` on the node.")
        text = f"{self.service} refused {method} {path} with {status}" + (f": {detail}" if detail else "")
        return ServiceRefused(
            text + ("" if text.endswith((".", "…")) else "."), status=status, detail=detail, node=self.node, cure=cure
        )


class Client:
    """One service's API on one node.

    :param address: the node's IP address.
    :param ca_file: the file of the service's root.
    :param token: a token, or a function that gives it at each request; none means anonymous.
    :param timeout: seconds for one call, retries for a missing leader included.
    :param node: the node's id, for errors.
    """

    SERVICE = ""
    PORT = 0

    def __init__(
        self,
        address: str,
        ca_file: str,
        token: Token = None,
        timeout: float = 10.0,
        *,
        port: int = 0,
        node: str = "",
    ) -> None:
        self.endpoint = Endpoint(self.SERVICE, address, port or self.PORT, ca_file=ca_file)
        self.endpoint.token, self.endpoint.timeout, self.endpoint.node = token, timeout, node or address
        self._attach()

    def _attach(self) -> None:
        """Where a client hangs the parts of its library on the endpoint."""


class Quorum:
    """Servers that elect a leader by Raft: Consul and Nomad answer alike."""

    endpoint: Endpoint

    def leader(self) -> str:
        """``address:port`` of the leader, empty where there is none. Anyone may ask; Nomad waits for one first."""
        return str(self.endpoint.get("/v1/status/leader") or "")

    def peers(self) -> list[str]:
        """``address:port`` of every raft peer. Anyone may ask."""
        return list(self.endpoint.get("/v1/status/peers") or [])

    def raft_peers(self) -> list[dict[str, Any]]:
        """The servers: ``[{ID, Node, Address, Leader, Voter}, …]``. Rights: operator read; Nomad: management."""
        return [dict(server) for server in self.endpoint.get("/v1/operator/raft/configuration")["Servers"]]

    def raft_voters(self) -> list[dict[str, Any]]:
        """Those of :meth:`raft_peers` that vote."""
        return [server for server in self.raft_peers() if server["Voter"]]

    def remove_peer(self, peer_id: str) -> None:
        """Take a server out of the quorum. Rights: operator write; Nomad: management."""
        self.endpoint.delete("/v1/operator/raft/peer", {"id": peer_id})

    def autopilot_health(self) -> dict[str, Any]:
        """``{Healthy, FailureTolerance, Servers: […]}``; unhealthy is an answer. Rights: ``operator:read``."""
        return dict(self.endpoint.request("GET", "/v1/operator/autopilot/health", also=(429,)).json())


def _words(answer: Answer) -> str:
    """The service's own words: Vault wraps them in ``errors``, the others answer in plain text."""
    try:
        data = jsonlib.loads(answer.body)
    except ValueError:
        return answer.text
    if isinstance(data, dict) and isinstance(data.get("errors"), list):
        return "; ".join(str(error) for error in data["errors"])
    return answer.text


def _tls_reason(error: SSLError) -> str:
    """The reason that the TLS library gives, without the request around it."""
    cause: BaseException | None = error
    seen: list[str] = []
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message.rstrip(".")
        seen.append(str(cause))
        inner = getattr(cause, "reason", None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__ or _first(cause)
    found = re.search(r"\[SSL[^]]*\] ([^(]+)", " ".join(seen))
    return found.group(1).strip() if found else "the TLS handshake failed"


def _first(error: BaseException) -> BaseException | None:
    inner = error.args[0] if error.args else None
    return inner if isinstance(inner, BaseException) else None
