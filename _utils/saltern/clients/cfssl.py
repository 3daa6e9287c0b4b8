"""Client of cfssl's HTTP API: Debian's ``multirootca``, and ``saltern-ca``, which also takes many requests at once."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saltern.cfssl import auth
from saltern.cfssl.api import BULK, CFSSL
from saltern.clients.http import Client
from saltern.errors import ServiceError


@dataclass(frozen=True)
class Info:
    """What a label and a profile stand for. ``expiry`` as cfssl writes it: ``8760h``."""

    certificate: str
    usages: tuple[str, ...]
    expiry: str


@dataclass(frozen=True)
class BulkResult:
    """What became of one request of a bulk call: a certificate or an error, the other is empty."""

    certificate: str
    error: str


class Cfssl(Client):
    """One cfssl server. Without a key only ``info`` and profiles that need none can be used.

    :ivar key: the auth key; see :func:`saltern.cfssl.auth.key_of`.
    """

    SERVICE = "cfssl"
    PORT = 8888
    key: bytes = b""

    def info(self, label: str = "", profile: str = "") -> Info:
        """Certificate of the label's signer, and the profile's usages and expiry."""
        result = self._ask(CFSSL + "info", {"label": label, "profile": profile})
        usages = result.get("usages") or []
        return Info(_text(result, "certificate"), tuple(str(usage) for usage in usages), str(result.get("expiry", "")))

    def sign(self, csr: str, *, label: str = "", profile: str = "", hosts: Sequence[str] | None = None) -> str:
        """A certificate (PEM) by a profile that needs no key; ``hosts`` replaces the names of the CSR.

        :raises ServiceRefused: with the server's own words.
        """
        request = {**_request(csr, hosts), "label": label, "profile": profile}
        return _text(self._ask(CFSSL + "sign", request), "certificate")

    def authsign(self, csr: str, *, label: str = "", profile: str = "", hosts: Sequence[str] | None = None) -> str:
        """The same by a profile that needs the key."""
        request = {**_request(csr, hosts), "label": label, "profile": profile}
        return _text(self._ask(CFSSL + "authsign", self._authenticated(request)), "certificate")

    def bulk(self, csrs: Sequence[str], *, label: str = "", profile: str = "") -> list[BulkResult]:
        """A result for each CSR, in their order; of ``saltern-ca`` only."""
        request = {"label": label, "profile": profile, "requests": [_request(csr, None) for csr in csrs]}
        results = self._ask(BULK, self._authenticated(request)).get("certificates")
        if not isinstance(results, list) or len(results) != len(csrs):
            raise ServiceError("cfssl answered another number of certificates than it was asked for.")
        return [_bulk_result(result) for result in results]

    def _authenticated(self, request: Mapping[str, Any]) -> dict[str, str]:
        inner = json.dumps(request, separators=(",", ":")).encode()
        made = auth.token(self.key, inner)
        return {"token": base64.b64encode(made).decode(), "request": base64.b64encode(inner).decode()}

    def _ask(self, path: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
        data = self.endpoint.post(path, json=message)
        result = data.get("result") if isinstance(data, dict) and data.get("success") else None
        if not isinstance(result, dict):
            raise ServiceError("cfssl answered without a result.", node=self.endpoint.node)
        return result


def _request(csr: str, hosts: Sequence[str] | None) -> dict[str, Any]:
    return {"certificate_request": csr, "hosts": list(hosts)} if hosts else {"certificate_request": csr}


def _text(result: Mapping[str, Any], name: str) -> str:
    value = result.get(name)
    if not isinstance(value, str):
        raise ServiceError(f"cfssl answered without {name}.")
    return value


def _bulk_result(result: object) -> BulkResult:
    if isinstance(result, dict) and isinstance(result.get("certificate"), str):
        return BulkResult(result["certificate"], "")
    error = result.get("error") if isinstance(result, dict) else None
    return BulkResult("", str(error.get("message", error)) if isinstance(error, dict) else "no certificate")
