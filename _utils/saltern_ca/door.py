"""The HTTP door of the certificate authority: cfssl's API over TLS. It holds no CA key: the signing core answers.

Every refusal is one line in the log: the core's, and the door's own (size, encoding, method, no answer of the core).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from aiohttp import web

from saltern.cfssl import messages
from saltern.cfssl.api import BULK, CFSSL, OPERATIONS, refused
from saltern.cfssl.parsing import too_large
from saltern.cfssl.refusal import CANNOT_SIGN, DOOR, METHOD_NOT_ALLOWED, NOT_FOUND, TOO_LARGE, Refused
from saltern_ca.frames import Channel, CoreUnreachable, FrameError

LOG = logging.getLogger("saltern_ca.door")
BODY_SECONDS = 10.0  # a client that sends slower than this only holds a connection
KEEPALIVE_SECONDS = 30.0
MAXIMUM_LINE = 4096  # of the request line and of each header
BACKLOG = 256
MAXIMUM_CALLS = 256  # side by side in one worker; the others wait
MAXIMUM_BULK_CALLS = 4  # each may hold some megabytes
CRL = CFSSL + "crl"

Core = Callable[[str, str, str], Awaitable[tuple[int, str]]]


@dataclass(frozen=True)
class Listening:
    """Where the door listens and what it shows."""

    address: str
    port: int
    certificate: str
    key: str


def application(core: Core) -> web.Application:
    """The door as an aiohttp application; ``core(path, body, remote)`` gives status and body."""
    app = web.Application(client_max_size=messages.MAXIMUM_BULK_BODY, middlewares=[_in_cfssl_form])
    places, bulk_places = asyncio.Semaphore(MAXIMUM_CALLS), asyncio.Semaphore(MAXIMUM_BULK_CALLS)

    async def call(request: web.Request) -> web.Response:
        if request.path == BULK:  # some megabytes: few of them lie in memory at once
            async with bulk_places:
                return _response(*await core(request.path, await _body(request), _remote(request)))
        body = await _body(request)  # who sends slowly holds nobody else's place
        async with places:
            return _response(*await core(request.path, body, _remote(request)))

    for path in OPERATIONS:
        app.router.add_post(path, call)
    app.router.add_get(CRL, call, allow_head=False)
    return app


def by_channel(channel: Channel) -> Core:
    """The core behind a Unix socket: it answers ``status``, ``body``, ``refusals``, or ``error`` where it cannot."""

    async def core(path: str, body: str, remote: str) -> tuple[int, str]:
        answer = await channel.ask({"op": "cfssl", "path": path, "body": body, "remote": remote})
        status, text = answer.get("status"), answer.get("body")
        for line in answer.get("refusals", ()):
            LOG.warning("refused: %s", line)
        if error := answer.get("error"):
            raise CoreUnreachable(str(error))
        if not isinstance(status, int) or not isinstance(text, str):
            raise CoreUnreachable("The signing core answered what is no answer.", cure="journalctl -u saltern-ca")
        return status, text

    return core


async def serve(listening: Listening, core_socket: str, stop: asyncio.Event) -> None:
    """Serve until ``stop``. Several processes may serve one port: the kernel spreads connections over them."""
    channel = Channel(core_socket)
    runner = web.AppRunner(
        application(by_channel(channel)),
        access_log=None,
        keepalive_timeout=KEEPALIVE_SECONDS,
        max_line_size=MAXIMUM_LINE,
        max_field_size=MAXIMUM_LINE,
        auto_decompress=False,  # cfssl's clients compress nothing, and a small body could become a large one
        logger=_library_log(),
    )
    await runner.setup()
    site = web.SockSite(runner, _listener(listening), ssl_context=_tls(listening), backlog=BACKLOG)
    await site.start()
    LOG.info("listening on %s port %d", listening.address, listening.port)
    await stop.wait()
    await runner.cleanup()
    await channel.close()


def main() -> None:
    """Run one worker: ``python -m saltern_ca.door --help``."""
    parser = argparse.ArgumentParser(prog="saltern-ca-http", description="The HTTP door of Saltern's authority.")
    parser.add_argument("--address", required=True, help="IP address to listen on")
    parser.add_argument("--port", type=int, default=8888, help="port to listen on (8888, cfssl's own)")
    parser.add_argument("--certificate", required=True, help="PEM file that is served: leaf, then intermediates")
    parser.add_argument("--key", required=True, help="its key")
    parser.add_argument("--core", required=True, help="Unix socket of the signing core")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    listening = Listening(given.address, given.port, given.certificate, given.key)
    try:
        asyncio.run(_until_signalled(listening, given.core))
    except (OSError, ssl.SSLError) as error:
        raise SystemExit(f"saltern-ca-http: {error}. Cure: look at address, port, certificate and key.") from error


async def _until_signalled(listening: Listening, core_socket: str) -> None:
    stop = asyncio.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    await serve(listening, core_socket, stop)


def _library_log() -> logging.Logger:
    """What aiohttp says of clients that speak no HTTP: one line, without the traceback that it adds."""

    def one_line(record: logging.LogRecord) -> bool:
        record.msg, record.args, record.exc_info = ascii(record.getMessage())[1:-1], (), None
        return True

    log = logging.getLogger("saltern_ca.door.http")
    log.addFilter(one_line)
    return log


def _listener(listening: Listening) -> socket.socket:
    family = socket.AF_INET6 if ":" in listening.address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((listening.address, listening.port))
    made.setblocking(False)
    return made


def _tls(listening: Listening) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(listening.certificate, listening.key)
    return context


def _remote(request: web.Request) -> str:
    """Where the connection comes from; an IPv4 address that arrived at an IPv6 socket is written as IPv4."""
    try:
        address = ip_address(request.remote or "")
    except ValueError as error:
        raise Refused(400, DOOR, "the address of the client is unknown") from error
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


async def _body(request: web.Request) -> str:
    if request.method == "GET":  # cfssl's crl has its parameters in the query
        return json.dumps({"label": request.query.get("label", "")})
    maximum = messages.MAXIMUM_BULK_BODY if request.path == BULK else messages.MAXIMUM_BODY
    if (request.content_length or 0) > maximum:
        raise too_large(request.content_length or 0, maximum)
    try:
        body = bytearray()
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.content.iter_any():
                body += part
                if len(body) > maximum:
                    raise too_large(len(body), maximum)
        return body.decode()
    except TimeoutError as error:
        raise Refused(408, DOOR, f"the request did not arrive within {BODY_SECONDS:g} s") from error
    except UnicodeDecodeError as error:
        raise Refused(400, DOOR, "the request is not valid JSON") from error


@web.middleware
async def _in_cfssl_form(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as error:
        refusal = error
    except CoreUnreachable as error:
        refusal = Refused(503, CANNOT_SIGN, "the authority cannot sign now", str(error))
    except FrameError as error:
        refusal = Refused(413, TOO_LARGE, "request too large", str(error))
    except web.HTTPRequestEntityTooLarge as error:
        refusal = Refused(413, TOO_LARGE, "request too large", error.text or "")
    except web.HTTPMethodNotAllowed:
        refusal = Refused(405, METHOD_NOT_ALLOWED, "only POST is permitted")
    except web.HTTPNotFound:
        refusal = Refused(404, NOT_FOUND, "no such endpoint")
    except web.HTTPException as error:
        refusal = Refused(error.status, error.status, error.reason)
    answer = refused(refusal, request.path, request.remote or "")
    for line in answer.refusals:
        LOG.warning("refused: %s", line)
    return _response(answer.status, answer.body.decode())


def _response(status: int, body: str) -> web.Response:
    return web.Response(status=status, text=body, content_type="application/json")


if __name__ == "__main__":
    main()
