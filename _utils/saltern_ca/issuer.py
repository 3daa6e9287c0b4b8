"""cfssl's issuer over the authority: labels are roots, profiles are those that clients may ask for."""

from __future__ import annotations

import time
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from saltern.cfssl.api import Policy
from saltern.cfssl.messages import SignRequest
from saltern.errors import CertificateError
from saltern.pki import crl
from saltern.pki.auth_keys import AuthKeys
from saltern.pki.authority import Authority
from saltern.pki.client_csr import ClientRequest
from saltern.pki.inventory import Inventory, Record
from saltern.pki.roots import Root

HOUR = 3600


class RevocationLists:
    """The current list of each root, made anew after a revocation and at half of its life."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._made: dict[str, tuple[float, str]] = {}

    def forget(self) -> None:
        """The next call makes new ones."""
        self._made.clear()

    def pem(self, root: Root) -> str:
        """The root's list."""
        at, text = self._made.get(root.name, (0.0, ""))
        if not text or time.time() - at > crl.LIFETIME / 2:
            text = crl.make(root, self._inventory).decode()
            self._made[root.name] = (time.time(), text)
        return text


class ClientIssuer:
    """Signs for clients outside Salt; see :class:`saltern.cfssl.api.Issuer` for each method."""

    def __init__(self, authority: Authority, auth_keys: AuthKeys, lists: RevocationLists) -> None:
        self._authority, self._auth_keys, self._lists = authority, auth_keys, lists

    def label(self, name: str) -> str | None:
        """A root by its name; there is no default one."""
        return name if name in self._authority.roots else None

    def admits(self, label: str, remote: str) -> bool:
        """Whether any profile of the label is for this address; each judges for itself again when it signs."""
        address = ip_address(remote)
        usable = (one for one in self._authority.profiles.values() if "clients" in one.askers)
        return any(profile.issues_from(label) and profile.admits(address) for profile in usable)

    def policy(self, label: str, profile: str) -> Policy | None:
        """The profile, where clients may ask for it."""
        found = self._authority.profiles.get(profile)
        if found is None or "clients" not in found.askers or not found.issues_from(label):
            return None
        lifetime = found.lifetime or self._authority.leaf_lifetime
        expiry = f"{lifetime // HOUR}h" if lifetime % HOUR == 0 else f"{lifetime}s"
        keys = (found.auth_key,) if found.auth_key else ()
        return Policy(keys, found.usages, expiry, found.unauthenticated)

    def auth_key(self, name: str) -> bytes:
        """The key of that name."""
        return self._auth_keys.load(name)

    def certificate(self, label: str) -> str:
        """What signs for the label."""
        return self._authority.roots[label].certificate.public_bytes(Encoding.PEM).decode()

    def sign(self, request: SignRequest, remote: str, key: str) -> tuple[str, Record]:
        """PEM of a leaf and its record."""
        subject = None
        if request.subject is not None:
            named = (("CN", request.subject.common_name),) if request.subject.common_name else ()
            subject = (*named, *(pair for part in request.subject.names for pair in part.items() if pair[1]))
        asked = ClientRequest(request.csr, request.hosts or (), subject)
        address = ip_address(remote)
        signed = self._authority.sign_client(
            request.profile, request.label, asked, address=address, authenticated=bool(key)
        )
        return signed.pem, signed.record

    def crl(self, label: str) -> bytes:
        """The label's revocation list, DER."""
        try:
            found = x509.load_pem_x509_crl(self._lists.pem(self._authority.roots[label]).encode())
        except ValueError as error:
            raise CertificateError(f"The revocation list of {label} is broken.") from error
        return found.public_bytes(Encoding.DER)
