"""The signing core: requests of one authenticated node in, leaves out; all of them or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saltern import definition, paths
from saltern.entitlements import PROVED
from saltern.errors import RegistryError, SigningRefused
from saltern.model import Node
from saltern.names import is_node_id
from saltern.pki import csr, leaf, roots
from saltern.pki.entitlements import CertificateSpec, certificates
from saltern.pki.inventory import Inventory, record
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
    inventory: str = paths.ISSUED


def places(opts: Mapping[str, Any]) -> Places:
    """The places that a master's configuration names under ``saltern``; the others are those of ``saltern.paths``."""
    given = opts.get("saltern", {})
    return Places(**{key: str(given[key]) for key in Places.__dataclass_fields__ if key in given})


def sign(caller: str, requests: object, where: Places) -> dict[str, str]:
    """Signs what the node ``caller`` is entitled to and records it.

    :param caller: the id that Salt authenticated; nothing else proves who asks.
    :param requests: a list of ``{"application", "name", "csr"}``, with ``profile`` where the caller wants it checked.
    :returns: ``application/name`` -> PEM of the leaf and its intermediates.
    :raises SigningRefused: with the first reason; then nothing was signed.
    :raises SalternError: when the registry, the definition, a root or the inventory cannot be used.
    """
    specs = _entitled(_proved_node(caller, where), where)
    wanted = [_match(request, specs) for request in _listed(requests)]
    labels = [spec.label for spec, _ in wanted]
    if len(set(labels)) != len(labels):
        raise SigningRefused("a certificate is asked for twice")
    judged = [(spec, _judge(text, spec)) for spec, text in wanted]
    loaded = {name: roots.load(name, where.roots) for name in {spec.root for spec, _ in judged}}
    issued = [(spec, leaf.sign(loaded[spec.root], request, spec)) for spec, request in judged]
    Inventory(where.inventory).add(
        record(one.certificate, root=spec.root, node=caller, name=spec.label) for spec, one in issued
    )
    return {spec.label: one.pem for spec, one in issued}


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
    specs = certificates(node, definition.load_cached(where.directory))
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


def _judge(text: object, spec: CertificateSpec) -> csr.Judged:
    try:
        return csr.judge(text, spec)
    except SigningRefused as refusal:
        raise SigningRefused(f"{spec.label}: {refusal}") from refusal
