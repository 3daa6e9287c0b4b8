"""Requests of clients outside Salt: judged against the profile that they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import NameOID

from saltern.errors import SigningRefused
from saltern.pki import chain, csr
from saltern.pki.csr import MAXIMUM_NAMES, Judged, quoted
from saltern.pki.profiles import DNS_NAME, Address, Profile

# The parts of a subject that cfssl knows, by its names for them.
SUBJECT = {
    "CN": NameOID.COMMON_NAME,
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
}
LONGEST_PART = 64  # characters: RFC 5280 appendix A has 64 for the shortest of them
MAXIMUM_PARTS = 16


@dataclass(frozen=True)
class ClientRequest:
    """What a client asks for.

    :param csr: the request as PEM.
    :param hosts: DNS names and addresses; where there are any, those in the request do not count, as with cfssl.
    :param subject: pairs of a key of :data:`SUBJECT` and its text; where it is given, the request's does not count.
    """

    csr: object
    hosts: tuple[str, ...] = ()
    subject: tuple[tuple[str, str], ...] | None = None


def judge(asked: ClientRequest, profile: Profile) -> Judged:
    """What may be signed of a client's request, or the reason why nothing may.

    Only this passes: a key of at least 112 bits' strength that signed the request itself with SHA-2, no extension but
    alternative names, at most 64 names, and all of them, with the common name, such as the profile allows. Other parts
    of the subject are nobody's to prove, so they are signed only where the profile allows any name, else left out.

    :raises SigningRefused: with the reason; texts of the request are quoted and cut.
    """
    request = csr.parse(asked.csr)
    try:
        public_key = csr.judge_key(request, rsa_too=True)
        dns, ip = csr.names_in(request)
        parts = _subject(request) if asked.subject is None else asked.subject
    except (*chain.UNREADABLE, TypeError) as error:
        raise SigningRefused(f"the request cannot be read: {quoted(error)}") from error
    if asked.hosts:
        dns, ip = _sorted(asked.hosts)
    dns = tuple(dict.fromkeys(_dns(name, profile) for name in dns))
    for address in ip:
        if not profile.allows_address(ip_address(address)):
            raise SigningRefused(f"profile {profile.name} does not allow the address {address}")
    subject = _name(parts, profile)
    if not dns and not ip and ("server auth" in profile.usages or not subject.rdns):
        raise SigningRefused("the request names no host")
    return Judged(public_key, subject, dns, ip)


def _subject(request: x509.CertificateSigningRequest) -> tuple[tuple[str, str], ...]:
    keys = {oid: key for key, oid in SUBJECT.items()}
    return tuple((keys.get(one.oid, one.oid.dotted_string), str(one.value)) for one in request.subject)


def _sorted(hosts: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The DNS names and the addresses among ``hosts``."""
    if len(hosts) > MAXIMUM_NAMES:
        raise SigningRefused(f"the request holds {len(hosts)} hosts, {MAXIMUM_NAMES} may be")
    found = {host: _address(host) for host in hosts}
    addresses = dict.fromkeys(str(address) for address in found.values() if address)
    return tuple(host for host, address in found.items() if not address), tuple(addresses)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if getattr(address, "scope_id", None):
        raise SigningRefused(f"an address with a zone cannot stand in a certificate: {quoted(text)}")
    return address


def _dns(name: str, profile: Profile) -> str:
    lower = name.lower()
    if not DNS_NAME.fullmatch(lower.removeprefix("*.")) or len(name) > 253:
        raise SigningRefused(f"this is no DNS name: {quoted(name)}")
    if not profile.allows_dns(lower):
        raise SigningRefused(f"profile {profile.name} does not allow the name {quoted(name)}")
    return lower


def _name(parts: tuple[tuple[str, str], ...], profile: Profile) -> x509.Name:
    """The subject of the leaf."""
    if len(parts) > MAXIMUM_PARTS:
        raise SigningRefused(f"the subject has {len(parts)} parts, {MAXIMUM_PARTS} may be")
    attributes = []
    for key, text in parts:
        if key not in SUBJECT:
            raise SigningRefused(f"the subject has a part that is never signed: {quoted(key)}")
        if len(text) > LONGEST_PART or not text.isprintable():
            raise SigningRefused(f"the subject's {key} is too long or not printable: {quoted(text)}")
        if key == "CN" and text:
            _common_name(text, profile)
        if text and (key == "CN" or profile.any_name):
            attributes.append(_attribute(key, text))
    if sum(one.oid == NameOID.COMMON_NAME for one in attributes) > 1:
        raise SigningRefused("the subject has more than one common name")
    return x509.Name(attributes)


def _common_name(text: str, profile: Profile) -> None:
    """A common name is a name like the others: there are clients that go by it."""
    if profile.any_name:
        return
    address = _address(text)
    if address is None:
        _dns(text, profile)
    elif not profile.allows_address(address):
        raise SigningRefused(f"profile {profile.name} does not allow the common name {quoted(text)}")


def _attribute(key: str, text: str) -> x509.NameAttribute[str]:
    try:
        return x509.NameAttribute(SUBJECT[key], text)
    except (ValueError, UnicodeEncodeError) as error:
        raise SigningRefused(f"the subject's {key} cannot be signed: {quoted(error)}") from error
