"""What ``member.sign`` decides: which of a node's requests the registry entitles it to. It reads no request and no key.

The master does this, as root; the signing core (``saltern_ca``) then judges the requests and signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saltern import definition, paths
from saltern.entitlements import PROVED
from saltern.errors import RegistryError, SigningRefused
from saltern.model import Node
from saltern.names import is_node_id
from saltern.pki import profiles
from saltern.pki.entitlements import CertificateSpec, certificates
from saltern.registry import Registry

MAXIMUM_REQUESTS = 16  # no node is entitled to more than eight
REQUIRED, ALLOWED = {"application", "name", "csr"}, {"application", "name", "csr", "profile"}


@dataclass(frozen=True)
class Places:
    """Where the authority's sources lie; :func:`places` reads them from the master's option ``saltern``."""

    directory: str = paths.DEFINITION
    registry: str = paths.REGISTRY
    roots: str = paths.CA_ROOTS
    declared: str = paths.ROOTS
    profiles: str = paths.PROFILES
    socket: str = paths.CA_SOCKET
    ssl: str = paths.SSL


def places(opts: Mapping[str, Any]) -> Places:
    """The places that a master's configuration names under ``saltern``; the others are those of ``saltern.paths``."""
    given = opts.get("saltern", {})
    return Places(**{key: str(given[key]) for key in Places.__dataclass_fields__ if key in given})


def entitled(caller: str, requests: object, where: Places) -> list[tuple[CertificateSpec, object]]:
    """The requests of ``caller``, each with the certificate that the registry entitles it to; no request is read yet.

    :raises SigningRefused: when the caller is no proved node, or one request is for what it may not have.
    :raises SalternError: when the registry, the definition or the profiles cannot be used.
    """
    specs = _entitled(_proved_node(caller, where), where)
    wanted = [_match(request, specs) for request in _listed(requests)]
    labels = [spec.label for spec, _ in wanted]
    if len(set(labels)) != len(labels):
        raise SigningRefused("a certificate is asked for twice")
    return wanted


def _proved_node(caller: str, where: Places) -> Node:
    if not is_node_id(caller):
        raise SigningRefused("the caller is not a node")
    try:
        node = Registry(where.registry).node(caller)
    except RegistryError as error:
        raise SigningRefused(f"the registry does not help: {error}") from error
    if node.state not in PROVED:
        raise SigningRefused(f"the key of the node is not proved yet (it is {node.state.value})")
    return node


def _entitled(node: Node, where: Places) -> dict[tuple[str, str], CertificateSpec]:
    specs = certificates(node, definition.load_cached(where.directory), profiles.declared(where.profiles))
    return {(spec.application, spec.name): spec for spec in specs}


def _listed(requests: object) -> list[object]:
    if not isinstance(requests, list) or not 1 <= len(requests) <= MAXIMUM_REQUESTS:
        raise SigningRefused(f"the requests must be a list of 1 to {MAXIMUM_REQUESTS}")
    return requests


def _match(request: object, specs: dict[tuple[str, str], CertificateSpec]) -> tuple[CertificateSpec, object]:
    if not isinstance(request, dict) or not REQUIRED <= set(request) <= ALLOWED:
        raise SigningRefused(f"a request must hold {', '.join(sorted(REQUIRED))} and nothing else")
    application, name = request["application"], request["name"]
    if not isinstance(application, str) or not isinstance(name, str):
        raise SigningRefused("application and name of a request must be text")
    spec = specs.get((application, name))
    if spec is None:
        raise SigningRefused(f"the node is not entitled to the certificate {ascii(f'{application}/{name}')[:120]}")
    if request.get("profile", spec.profile) != spec.profile:
        raise SigningRefused(f"{spec.label} has the profile {spec.profile}, not {ascii(request['profile'])[:120]}")
    return spec, request["csr"]
