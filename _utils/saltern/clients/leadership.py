"""What a node can tell of a service without any token: whether it works, and whether this node leads it."""

from __future__ import annotations

from dataclasses import dataclass

from saltern import paths
from saltern.addresses import bracketed
from saltern.clients.http import Endpoint

_PORTS = {"consul": (8501, 8300), "vault": (8200, 8200), "nomad": (4646, 4647)}  # of the API, of the leader's address
_ACTIVE, _STANDBY, _PERFORMANCE_STANDBY = 200, 429, 473  # https://developer.hashicorp.com/vault/api-docs/system/health
_CLOSED = (472, 501, 503)


@dataclass(frozen=True)
class Leadership:
    """A service as the process on this node sees it.

    :param address: the node's own.
    """

    service: str
    address: str
    ssl: str = paths.SSL

    def works(self) -> bool:
        """Whether a leader is known, or a Vault is open."""
        if self.service == "vault":
            return self._vault() in (_ACTIVE, _STANDBY, _PERFORMANCE_STANDBY)
        return bool(self._leader())

    def leads(self) -> bool:
        """Whether this node is the leader, or the active Vault."""
        if self.service == "vault":
            return self._vault() == _ACTIVE
        return self._leader() == f"{bracketed(self.address)}:{_PORTS[self.service][1]}"

    def _vault(self) -> int:
        also = (_STANDBY, _PERFORMANCE_STANDBY, *_CLOSED)
        return self._endpoint().request("GET", "/v1/sys/health", also=also).status

    def _leader(self) -> str:
        return str(self._endpoint().get("/v1/status/leader") or "")

    def _endpoint(self) -> Endpoint:
        ca_file = f"{self.ssl}/{self.service}/{self.service}-ca.pem"
        endpoint = Endpoint(self.service.capitalize(), self.address, _PORTS[self.service][0], ca_file=ca_file)
        endpoint.timeout = 3.0
        return endpoint
