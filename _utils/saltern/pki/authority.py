"""The signing core: judges a request and signs it, in memory alone. What it signs is recorded before it leaves.

.. code-block:: python

    authority = Authority.load(paths.CA_ROOTS, passphrase, profiles.declared(), definition.leaf_lifetime)
    signed = [authority.sign_node(node, spec, csr) for node, spec, csr in waiting]
    inventory.add(one.record for one in signed)  # one durable write for all of them
    # only now may any one.pem leave
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from saltern.errors import SigningRefused
from saltern.names import is_node_id
from saltern.pki import client_csr, csr, keys, leaf, roots
from saltern.pki.client_csr import ClientRequest
from saltern.pki.csr import Judged, quoted
from saltern.pki.entitlements import CertificateSpec
from saltern.pki.inventory import Record, record
from saltern.pki.profiles import Address, Profile
from saltern.pki.roots import Root

OPERATOR = "operator"  # the profile of operators' certificates


@dataclass(frozen=True)
class Signed:
    """A leaf, followed by its intermediate where there is one, and the line that the inventory needs first."""

    pem: str
    record: Record


@dataclass(frozen=True)
class _Terms:
    usages: tuple[str, ...]
    lifetime: int


class Authority:
    """All roots and profiles, ready to sign; nothing here reads or writes a file.

    :param roots: by name, each with its key.
    :param profiles: by name.
    :param leaf_lifetime: in seconds, of leaves whose profile names none.
    """

    def __init__(self, roots: Mapping[str, Root], profiles: Mapping[str, Profile], leaf_lifetime: int) -> None:
        self.roots, self.profiles, self.leaf_lifetime = dict(roots), dict(profiles), leaf_lifetime

    @classmethod
    def load(
        cls, directory: str | Path, passphrase: bytes, profiles: Mapping[str, Profile], leaf_lifetime: int
    ) -> Authority:
        """The authority with every root that exists.

        :raises CertificateError: when the passphrase opens not every root, or one is broken.
        """
        keys.check(passphrase)
        found = {name: roots.load(name, directory, passphrase) for name in roots.names(directory)}
        return cls(found, profiles, leaf_lifetime)

    def sign_node(self, node: str, spec: CertificateSpec, text: object) -> Signed:
        """Signs what a node is entitled to.

        :param node: the id that Salt authenticated.
        :param spec: what the registry entitles it to.
        :param text: the request as PEM.
        :raises SigningRefused: with the reason.
        :raises CertificateError: when the root itself is not valid any more.
        """
        try:
            profile, root = self._chosen("nodes", spec.profile, spec.root)
            if not is_node_id(node) or spec.common_name != node:
                raise SigningRefused("the certificate is not the node's")
            judged = csr.judge(text, spec)
        except SigningRefused as refusal:
            raise SigningRefused(f"{spec.label}: {refusal}") from refusal
        return self._sign(root, profile, judged, node, spec.label)

    def sign_client(
        self, profile: str, root: str, asked: ClientRequest, *, address: Address, authenticated: bool
    ) -> Signed:
        """Signs what a client outside Salt asks for.

        :param address: where the request came from.
        :param authenticated: whether its token was made with the auth key of this very profile.
        :raises SigningRefused: with the reason.
        :raises CertificateError: when the root itself is not valid any more.
        """
        chosen, issuer = self._chosen("clients", profile, root)
        if not authenticated and not chosen.unauthenticated:
            raise SigningRefused(f"profile {chosen.name} needs an auth key")
        if not chosen.admits(address):
            raise SigningRefused(f"profile {chosen.name} is not for clients at {address}")
        judged = client_csr.judge(asked, chosen)
        name = next(iter((*judged.dns, *judged.ip)), judged.subject.rfc4514_string())
        return self._sign(issuer, chosen, judged, f"client {address}", name)

    def sign_operator(self, name: str, root: str, text: object, profile: str = OPERATOR) -> Signed:
        """Signs a certificate for an operator's command line.

        :param name: the operator, a name like a node's; it becomes the common name and the only name.
        :param text: the request as PEM; only its key counts.
        :raises SigningRefused: with the reason.
        :raises CertificateError: when the root itself is not valid any more.
        """
        chosen, issuer = self._chosen("operators", profile, root)
        if not is_node_id(name):
            raise SigningRefused(f"{quoted(name)} is no name for an operator: letters a-z, digits and inner hyphens")
        key = csr.proved_key(text)
        common_name = f"operator {name}"  # no node's id and no DNS name has a space: nobody can be taken for another
        return self._sign(issuer, chosen, Judged(key, csr.name_of(common_name), (), ()), common_name, common_name)

    def _chosen(self, asker: str, profile: str, root: str) -> tuple[Profile, Root]:
        found, issuer = self.profiles.get(profile), self.roots.get(root)
        if found is None:
            raise SigningRefused(f"there is no profile {quoted(profile)}")
        if issuer is None:
            raise SigningRefused(f"there is no root {quoted(root)}")
        if asker not in found.askers:
            raise SigningRefused(f"profile {profile} is not for {asker}")
        if not found.issues_from(root):
            raise SigningRefused(f"root {root} does not issue profile {profile}")
        return found, issuer

    def _sign(self, root: Root, profile: Profile, judged: Judged, asker: str, name: str) -> Signed:
        terms = _Terms(profile.usages, profile.lifetime or self.leaf_lifetime)
        issued = leaf.sign(root, judged, terms)
        return Signed(
            issued.pem, record(issued.certificate, root=root.name, profile=profile.name, asker=asker, name=name)
        )
