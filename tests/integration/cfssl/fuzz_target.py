"""One fuzz target, run by atheris in a process of its own: ``fuzz_target.py NAME CORPUS [libFuzzer's options]``.

Whatever the bytes are, a target gives its declared error or an answer; any other exception ends the process.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

HERE = Path(__file__)
sys.path[:0] = [str(HERE.parents[3] / "_utils"), str(HERE.parents[2])]

with atheris.instrument_imports(include=["saltern.cfssl", "saltern.pki", "saltern_ca"]):
    from saltern.cfssl import api, imported, roots_conf, signing_config
    from saltern.errors import Problem, Problems
    from saltern_ca import frames

from support_cfssl import SmallIssuer, authenticated, csr_pem  # noqa: E402 - after the instrumented imports
from support_client_issuer import client_issuer  # noqa: E402

PATHS = [*api.OPERATIONS, "/", api.CFSSL + "revoke"]
USAGES = ("signing", "server auth", "client auth")
ISSUER = SmallIssuer()
REAL = client_issuer(Path(sys.argv[2]).parent)
REQUEST = {"certificate_request": csr_pem("a.example.org"), "label": "primary", "profile": "web", "hosts": None}
DER = base64.b64decode("".join(csr_pem("www.example.org").splitlines()[1:-1]))
OF_VERSION_32 = DER.replace(b"\2\1\0", b"\2\1\x20", 1)  # cryptography raises no ValueError for this one
OF_WEB: dict[str, Any] = {"label": "support", "profile": "web", "certificate_request": csr_pem("www.example.org")}
OF_WEB["subject"] = {"CN": "www.example.org", "names": [{"O": "a", "C": "DE"}]}
OF_WEB["hosts"] = ["a.apps.example.org", "192.0.2.1"]
CONFIG = {
    "signing": {"default": {"expiry": "8760h", "usages": ["signing"], "auth_key": "k", "name_whitelist": "^a"}},
    "auth_keys": {"k": {"type": "standard", "key": "00" * 16}, "e": {"type": "standard", "key": "env:E"}},
}
ROOTS = b"[ primary ]\nprivate = file://a\ncertificate = 'b'\nconfig = c\nnets = 10.0.0.0/8\n# note\n"


class Nowhere:
    """Sources of which every file is what is being tried."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def file(self, path: str) -> bytes | None:
        return self.data

    def variable(self, name: str) -> str | None:
        return None


def judged(path: str, body: bytes) -> None:
    """An answer is in cfssl's form, and is a success exactly where something was signed or told."""
    before = ISSUER.signed
    found = api.answer(path, body, "127.0.0.1", ISSUER)
    data = json.loads(found.body)
    assert set(data) == {"success", "result", "errors", "messages"}
    assert data["success"] is (found.status == 200)
    assert bool(data["errors"]) is not data["success"]
    assert len(found.records) == ISSUER.signed - before
    assert all(line.isascii() and line.isprintable() for line in found.refusals)


def body(data: bytes) -> None:
    judged(PATHS[data[0] % len(PATHS)] if data else "", data[1:])


def request(data: bytes) -> None:
    """What stands in a valid token: the first byte chooses between one request and many."""
    judged(api.BULK if data[:1] == b"b" else api.CFSSL + "authsign", authenticated(data[1:]))


def csr(data: bytes) -> None:
    judged(api.CFSSL + "authsign", authenticated({**REQUEST, "certificate_request": armoured(data)}))


def authority(data: bytes) -> None:
    """A valid token, the real authority: an odd first byte is followed by JSON, an even one by a CSR's DER."""
    body = data[1:]
    if not data[:1] or data[0] % 2 == 0:
        request = {"label": "support", "profile": "web", "certificate_request": armoured(body)}
        body = json.dumps(request).encode()
    found = api.answer(api.CFSSL + "authsign", authenticated(body, REAL.auth_key("web")), "192.0.2.7", REAL)
    assert bool(found.records) is (found.status == 200)


def armoured(der: bytes) -> str:
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n"


def frame(data: bytes) -> None:
    async def run() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        try:
            while await frames.read(reader, 10_000) is not None:
                pass
        except frames.FrameError:
            pass

    asyncio.run(run())


def roots(data: bytes) -> None:
    problems: list[Problem] = []
    roots_conf.sections(data.decode("utf-8", "replace"), "roots.conf", problems)
    setup(data)


def config(data: bytes) -> None:
    problems: list[Problem] = []
    found = signing_config.Reader("cfssl.json", Nowhere(b"00" * 16), USAGES, problems).read(data)
    if not problems:
        again = signing_config.Reader("cfssl.json", Nowhere(b""), USAGES, problems)
        assert again.read(signing_config.written(found).encode()) == found, "what was written reads otherwise"


def setup(data: bytes) -> None:
    with contextlib.suppress(Problems):
        imported.read("roots.conf", Nowhere(data), USAGES)


TARGETS: dict[str, tuple[Callable[[bytes], None], list[bytes]]] = {
    "body": (body, [bytes([place]) + json.dumps(REQUEST).encode() for place in range(len(PATHS))] + [b"\0{}"]),
    "request": (
        request,
        [
            b"a" + json.dumps(REQUEST).encode(),
            b"b" + json.dumps({"profile": "web", "requests": [{"certificate_request": "x"}]}).encode(),
            b"a" + json.dumps({**REQUEST, "subject": {"CN": "a", "names": [{"O": "b"}]}, "hostname": "a,b"}).encode(),
        ],
    ),
    "csr": (csr, [DER, OF_VERSION_32]),
    "authority": (authority, [b"\0" + DER, b"\0" + OF_VERSION_32, b"\1" + json.dumps(OF_WEB).encode()]),
    "frame": (frame, [frames.encode({"id": 1}), frames.encode({"op": "cfssl"}) * 2]),
    "roots": (roots, [ROOTS]),
    "config": (config, [json.dumps(CONFIG).encode()]),
}


def main() -> None:
    target, seeds = TARGETS[sys.argv[1]]
    corpus = Path(sys.argv[2])
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), *sys.argv[3:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
