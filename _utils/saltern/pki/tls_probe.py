"""Completes a TLS handshake to read what a port serves. The one place that does not let TLS verify for it.

A probe has to see a wrong or expired certificate to name it, so the handshake here accepts any. It sends no
credential and no request: a client certificate only where the caller wants to see whether it is accepted. What was
served is then judged by :func:`verify`, against the root and the name that the caller gives.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from saltern.errors import ServiceError, ServiceUnreachable
from saltern.pki import chain

# The byte that makes an RPC port speak TLS: helper/pool/conn.go of Nomad 1.11, agent/pool/conn.go of Consul 1.21.
NOMAD_RPC = b"\x04"
CONSUL_RPC = b"\x03"
_NEW_SESSION_TICKET, _CERTIFICATE_REQUEST = 4, 13  # handshake types, RFC 8446 section 4
_CHUNK = 16384


@dataclass(frozen=True)
class Served:
    """What a port served.

    :param chain: certificates as DER, leaf first; empty when the server refused before it showed any.
    :param client_certificate_requested: whether the server asked for a client certificate.
    :param refused: the alert or end by which it then refused this client; empty when it went on.
    """

    address: str
    port: int
    protocol: str
    chain: tuple[bytes, ...]
    client_certificate_requested: bool
    refused: str

    @property
    def leaf(self) -> x509.Certificate | None:
        """The served leaf."""
        return x509.load_der_x509_certificate(self.chain[0]) if self.chain else None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the served leaf, empty where there is none."""
        leaf = self.leaf
        return chain.fingerprint(leaf) if leaf else ""


@dataclass(frozen=True)
class Hello:
    """What the probe says in its handshake beside the defaults.

    :param server_name: the name it asks for (SNI); none by default.
    :param alpn: application protocols that it offers.
    """

    server_name: str = ""
    alpn: tuple[str, ...] = ()


def probe(
    address: str,
    port: int,
    *,
    preamble: bytes = b"",
    client: tuple[str, str] | None = None,
    timeout: float = 3.0,
    hello: Hello = Hello(),
) -> Served:
    """What ``address:port`` serves to a client with or without a certificate.

    :param preamble: bytes that the port wants before TLS: :data:`NOMAD_RPC`, :data:`CONSUL_RPC`.
    :param client: paths of a client's certificate and key, both PEM.
    :param timeout: seconds for all of it.
    :raises ServiceUnreachable: when nothing answers.
    :raises ServiceError: when the port is closed, or what answers is not TLS.
    """
    where = f"{address} port {port}"
    deadline = time.monotonic() + timeout
    try:
        with socket.create_connection((address, port), timeout=timeout) as connection:
            if preamble:
                connection.sendall(preamble)
            session = _Session(connection, client, hello, deadline)
            refused = session.handshake()
            return Served(address, port, session.protocol, session.chain, session.requested, refused)
    except (ssl.SSLError, OSError, EOFError) as error:
        kind = ServiceUnreachable if isinstance(error, TimeoutError) or _is_nowhere(error) else ServiceError
        raise kind(
            f"{where} does not speak TLS to a probe: {error or type(error).__name__}.",
            cure="check that the service runs, listens there, and that the firewall lets this host in.",
        ) from error


def _is_nowhere(error: Exception) -> bool:
    """Whether the network found no way to the host."""
    return getattr(error, "errno", None) in (errno.EHOSTUNREACH, errno.ENETUNREACH)


def verify(served: Served, root_pem: str, name: str) -> list[str]:
    """What is wrong with a served certificate: for this name (DNS or IP), as a server, now.

    :param root_pem: every certificate of the root that is trusted: two while it is rotated.
    """
    leaf = served.leaf
    if leaf is None:
        return ["no certificate was served"]
    certificates = [x509.load_der_x509_certificate(one) for one in served.chain]
    found = chain.problems(certificates, chain.parse(root_pem, "The given root"), chain.now())
    if not chain.carries(leaf, name):
        dns, addresses = chain.names(leaf)
        found.append(f"it does not carry the name {name}, but {', '.join(sorted(dns | addresses)) or 'none'}")
    if ExtendedKeyUsageOID.SERVER_AUTH not in chain.usages(leaf):
        found.append("it is not for a server")
    return found


@dataclass
class _Session:
    """One handshake over memory buffers, so that a ticket after it can be told from silence."""

    connection: socket.socket
    client: tuple[str, str] | None
    hello: Hello
    deadline: float
    requested: bool = False
    ticket: bool = False
    chain: tuple[bytes, ...] = ()
    protocol: str = ""
    _incoming: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)
    _outgoing: ssl.MemoryBIO = field(default_factory=ssl.MemoryBIO)

    def handshake(self) -> str:
        """Completes the handshake and returns by what the server refused the client, empty when it did not."""
        tls = self._context().wrap_bio(self._incoming, self._outgoing, server_hostname=self.hello.server_name or None)
        try:
            self._drive(tls.do_handshake)
        except ssl.SSLError as error:
            if self.requested:  # up to TLS 1.2 the refusal comes inside the handshake
                return _reason(error)
            raise
        self.protocol, self.chain = tls.version() or "", _served_chain(tls)
        # In TLS 1.3 a client has finished before the server has looked at its certificate: the alert comes later.
        return self._verdict(tls) if self.requested and self.protocol == "TLSv1.3" else ""

    def _verdict(self, tls: ssl.SSLObject) -> str:
        """An alert or an end means refused; a session ticket, data or silence until the deadline means accepted."""
        while True:
            try:
                tls.read(_CHUNK)
                return ""
            except ssl.SSLWantReadError:
                if self.ticket:
                    return ""
            except ssl.SSLError as error:
                return _reason(error)
            try:
                if not self._receive():
                    return "the connection was closed"
            except TimeoutError:
                return ""
            except ConnectionError as error:
                return str(error)

    def _drive(self, step: Callable[[], Any]) -> None:
        while True:
            try:
                step()
                self._send()
                return
            except ssl.SSLWantReadError:
                self._send()
                if not self._receive():
                    raise EOFError("the connection was closed in the handshake") from None

    def _send(self) -> None:
        if data := self._outgoing.read():
            self.connection.settimeout(self._left())
            self.connection.sendall(data)

    def _receive(self) -> bool:
        self.connection.settimeout(self._left())
        data = self.connection.recv(_CHUNK)
        self._incoming.write(data)
        return bool(data)

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # only to read what is served; verify() judges it
        if self.hello.alpn:
            context.set_alpn_protocols(list(self.hello.alpn))
        if self.client:
            context.load_cert_chain(*self.client)
        # CPython's own hook for its tests; nothing public tells whether a certificate was asked for.
        context._msg_callback = self._message  # type: ignore[attr-defined]
        return context

    def _message(self, _: object, direction: str, *message: Any) -> None:
        _, content, kind, _ = message
        if direction == "read" and content == ssl._TLSContentType.HANDSHAKE:  # type: ignore[attr-defined]
            self.requested = self.requested or kind == _CERTIFICATE_REQUEST
            self.ticket = self.ticket or kind == _NEW_SESSION_TICKET


def _served_chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    public = getattr(tls, "get_unverified_chain", None)  # Python 3.13 and later
    if public:
        return tuple(public())
    inner = tls._sslobj.get_unverified_chain() or []  # type: ignore[attr-defined]
    return tuple(ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in inner)


def _reason(error: ssl.SSLError) -> str:
    """The alert's name, as in ``tlsv13 alert certificate required``."""
    return (error.reason or str(error)).lower().replace("_", " ")
