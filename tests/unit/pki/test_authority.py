"""The signing core: what nodes, clients outside and operators get, and what nobody gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from saltern.errors import CertificateError, SigningRefused
from saltern.model import Definition, Node
from saltern.pki import chain, csr, issuers, keys, leaf, roots
from saltern.pki.authority import Authority, Signed
from saltern.pki.client_csr import ClientRequest
from saltern.pki.entitlements import certificates
from saltern.pki.profiles import Profile
from support_pki import PASSPHRASE, PROFILES

HOME, AWAY = ip_address("192.0.2.7"), ip_address("198.51.100.7")
WEB = Profile(
    "web",
    ("signing", "key encipherment", "server auth"),
    86400,
    ("clients",),
    roots=("support",),
    auth_key="web",
    networks=(ip_network("192.0.2.0/24"),),
    dns=("www.example.org", ".apps.example.org", "*.preview.example.org"),
    addresses=(ip_network("192.0.2.0/25"), ip_network("2001:db8::/64")),
)
PEOPLE = Profile("people", ("client auth",), None, ("clients",), auth_key="web", dns=(".people.example.org",))
TAKEN_OVER = Profile("old", ("signing", "server auth"), 3600, ("clients",), auth_key="old", any_name=True)
OPEN = replace(WEB, name="open", auth_key="", unauthenticated=True)
HOST = "www.example.org"
SHA256 = hashes.SHA256()


@pytest.fixture
def authority(ca: Path) -> Authority:
    more = {one.name: one for one in (WEB, PEOPLE, TAKEN_OVER, OPEN)}
    return Authority.load(ca, PASSPHRASE, PROFILES | more, 45 * 86400)


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return csr.make_key()


def request(
    key: Any,
    *names: x509.GeneralName,
    subject: tuple[tuple[x509.ObjectIdentifier, str], ...] = (),
    extensions: tuple[x509.ExtensionType, ...] = (),
    algorithm: Any = SHA256,
) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(oid, text) for oid, text in subject])
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for one in extensions:
        builder = builder.add_extension(one, critical=True)
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM).decode()


def ask(authority: Authority, asked: ClientRequest, profile: str = "web", root: str = "support") -> Signed:
    return authority.sign_client(profile, root, asked, address=HOME, authenticated=True)


def certificate(signed: Signed) -> x509.Certificate:
    return chain.parse(signed.pem, "it")[0]


def test_a_node(authority: Authority, server: Node, cluster: Definition, key: ec.EllipticCurvePrivateKey) -> None:
    for spec in certificates(server, cluster, PROFILES):
        signed = authority.sign_node(server.id, spec, csr.make(key, spec))
        anchor = authority.roots[spec.root].anchor
        assert leaf.problems([certificate(signed)], spec, [anchor], key.public_key()) == []
        assert (signed.record.asker, signed.record.name) == (server.id, spec.label)
        assert (signed.record.root, signed.record.profile) == (spec.root, spec.profile)
        assert signed.record.fingerprint == chain.fingerprint(certificate(signed))


def test_a_node_gets_nothing_that_its_spec_does_not_say(
    authority: Authority, server: Node, client: Node, cluster: Definition, key: ec.EllipticCurvePrivateKey
) -> None:
    spec = certificates(server, cluster, PROFILES)[0]
    text = csr.make(key, spec)
    for change, told in (
        ({"profile": "web"}, "not for nodes"),
        ({"profile": "none"}, "no profile"),
        ({"root": "none"}, "no root"),
        ({"dns": ("localhost",)}, "not entitled"),
    ):
        with pytest.raises(SigningRefused, match=told):
            authority.sign_node(server.id, replace(spec, **change), text)
    with pytest.raises(SigningRefused, match="not the node's"):
        authority.sign_node(client.id, spec, text)


def test_a_client_by_hosts_or_by_its_request(authority: Authority, key: ec.EllipticCurvePrivateKey) -> None:
    hosts = ("WWW.example.org", "a.b.apps.example.org", "192.0.2.5", "2001:db8::0:5", "*.preview.example.org")
    made = certificate(ask(authority, ClientRequest(request(key, x509.DNSName("ignored.org")), hosts)))
    assert chain.names(made) == (
        {HOST, "a.b.apps.example.org", "*.preview.example.org"},
        {"192.0.2.5", "2001:db8::5"},
    )
    assert chain.usages(made) == {ExtendedKeyUsageOID.SERVER_AUTH}
    assert chain.problems([made], [authority.roots["support"].anchor], chain.now()) == []
    own = ask(authority, ClientRequest(request(key, x509.DNSName(HOST), subject=((NameOID.COMMON_NAME, HOST),))))
    assert chain.names(certificate(own)) == ({HOST}, set())
    assert certificate(own).subject == csr.name_of(HOST)
    assert (own.record.asker, own.record.name, own.record.profile) == ("client 192.0.2.7", HOST, "web")
    assert own.record.not_after - own.record.issued_at in range(86398, 86402)


def test_a_subject_beyond_the_common_name_is_left_out_unless_any_name_may_be(
    authority: Authority, key: ec.EllipticCurvePrivateKey
) -> None:
    subject = (("CN", HOST), ("C", "DE"), ("O", "system:masters"), ("OU", ""))
    made = certificate(ask(authority, ClientRequest(request(key), (HOST,), subject)))
    assert made.subject == csr.name_of(HOST)
    old = certificate(ask(authority, ClientRequest(request(key), ("any.thing", "203.0.113.9"), subject), "old"))
    assert old.subject.rfc4514_string() == f"O=system:masters,C=DE,CN={HOST}"
    assert chain.names(old) == ({"any.thing"}, {"203.0.113.9"})


def test_a_person_goes_by_the_common_name_alone(authority: Authority, key: ec.EllipticCurvePrivateKey) -> None:
    asked = ClientRequest(request(key, subject=((NameOID.COMMON_NAME, "ada.people.example.org"),)))
    made = certificate(ask(authority, asked, "people"))
    assert made.subject == csr.name_of("ada.people.example.org")
    assert chain.names(made) == (set(), set())
    with pytest.raises(SigningRefused, match="does not allow the name"):
        ask(authority, ClientRequest(request(key), subject=(("CN", "server.dc1.consul"),)), "people")


def test_an_operator(authority: Authority, key: ec.EllipticCurvePrivateKey) -> None:
    signed = authority.sign_operator("ada", "nomad", request(key, x509.DNSName("server.global.nomad")))
    made = certificate(signed)
    assert made.subject == csr.name_of("operator ada") and chain.names(made) == (set(), set())
    assert chain.usages(made) == {ExtendedKeyUsageOID.CLIENT_AUTH}
    assert signed.record.not_after - signed.record.issued_at in range(12 * 3600 - 2, 12 * 3600 + 2)
    for wrong in ("", "Ada", "a b", "../x", "x" * 99):
        with pytest.raises(SigningRefused, match="no name for an operator"):
            authority.sign_operator(wrong, "nomad", request(key))
    with pytest.raises(SigningRefused, match="not for operators"):
        authority.sign_operator("ada", "nomad", request(key), "peer")


def test_an_rsa_key_of_a_client_may_encipher(authority: Authority) -> None:
    pair = rsa.generate_private_key(65537, 2048)
    usage = certificate(ask(authority, ClientRequest(request(pair), (HOST,)))).extensions
    assert usage.get_extension_for_class(x509.KeyUsage).value.key_encipherment


def test_who_may_not_ask(authority: Authority, key: ec.EllipticCurvePrivateKey) -> None:
    asked = ClientRequest(request(key), (HOST,))

    def told(profile: str, root: str, address: Any = HOME, *, authenticated: bool = True) -> str:
        with pytest.raises(SigningRefused) as refusal:
            authority.sign_client(profile, root, asked, address=address, authenticated=authenticated)
        return str(refusal.value)

    assert "not for clients" in told("peer", "support")
    assert "no profile" in told("x" * 10_000, "support")
    assert "no root" in told("web", "\n\x00")
    assert "does not issue" in told("web", "consul")
    assert "needs an auth key" in told("web", "support", authenticated=False)
    assert "not for clients at 198.51.100.7" in told("web", "support", AWAY)
    assert "not for clients at" in told("open", "support", AWAY, authenticated=False)
    assert authority.sign_client("open", "support", asked, address=HOME, authenticated=False).pem


CA_TRUE = x509.BasicConstraints(ca=True, path_length=None)
REFUSED: dict[str, Callable[[Any], ClientRequest]] = {
    "another's name": lambda key: ClientRequest(request(key), ("www.example.com",)),
    "another's name in the request": lambda key: ClientRequest(request(key, x509.DNSName("consul.service.consul"))),
    "another's common name": lambda key: ClientRequest(request(key), (HOST,), (("CN", "server.dc1.consul"),)),
    "a foreign address": lambda key: ClientRequest(request(key), ("192.0.2.200",)),
    "a foreign address as common name": lambda key: ClientRequest(request(key), (HOST,), (("CN", "10.0.0.1"),)),
    "a mapped address": lambda key: ClientRequest(request(key), ("::ffff:192.0.2.200",)),
    "an address with a zone": lambda key: ClientRequest(request(key), ("fe80::1%eth0",)),
    "a wildcard": lambda key: ClientRequest(request(key), ("*.apps.example.org",)),
    "a wildcard inside": lambda key: ClientRequest(request(key), ("a.*.apps.example.org",)),
    "no host": lambda key: ClientRequest(request(key)),
    "an empty host": lambda key: ClientRequest(request(key), ("",)),
    "65 hosts": lambda key: ClientRequest(request(key), tuple(f"{one}.apps.example.org" for one in range(65))),
    "10,000 names": lambda key: ClientRequest(request(key, *(x509.DNSName(f"a{one}") for one in range(10_000)))),
    "65 names": lambda key: ClientRequest(
        request(key, *(x509.IPAddress(ip_address(one)) for one in range(2**31, 2**31 + 65))), (HOST,)
    ),
    "a null byte": lambda key: ClientRequest(request(key), ("www.example.org\0.evil.org",)),
    "a line end": lambda key: ClientRequest(request(key), ("www.example.org\n",)),
    "letters from elsewhere": lambda key: ClientRequest(request(key), ("\u0430.apps.example.org",)),
    "a long name": lambda key: ClientRequest(request(key), ("a." * 120 + "a" * 20 + ".apps.example.org",)),
    "an e-mail address": lambda key: ClientRequest(request(key, x509.RFC822Name("a@example.org")), ()),
    "a URI": lambda key: ClientRequest(request(key), ("spiffe://x/y",)),
    "CA:TRUE": lambda key: ClientRequest(request(key, extensions=(CA_TRUE,)), (HOST,)),
    "CA:FALSE": lambda key: ClientRequest(request(key, extensions=(x509.BasicConstraints(False, None),)), (HOST,)),
    "another usage": lambda key: ClientRequest(
        request(key, extensions=(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),)), (HOST,)
    ),
    "P-192": lambda key: ClientRequest(request(ec.generate_private_key(ec.SECP192R1())), (HOST,)),
    "secp256k1": lambda key: ClientRequest(request(ec.generate_private_key(ec.SECP256K1())), (HOST,)),
    "Ed25519": lambda key: ClientRequest(request(ed25519.Ed25519PrivateKey.generate(), algorithm=None), (HOST,)),
    "RSA 1024": lambda key: ClientRequest(request(rsa.generate_private_key(65537, 1024)), (HOST,)),
    "an RSA exponent of 3": lambda key: ClientRequest(request(rsa.generate_private_key(3, 2048)), (HOST,)),
    "signed with SHA-224": lambda key: ClientRequest(request(key, algorithm=hashes.SHA224()), (HOST,)),
    "two common names": lambda key: ClientRequest(request(key), (HOST,), (("CN", HOST), ("CN", HOST))),
    "an unknown part": lambda key: ClientRequest(request(key), (HOST,), (("serialNumber", "1"),)),
    "an unknown part in the request": lambda key: ClientRequest(
        request(key, subject=((NameOID.DN_QUALIFIER, "1"),)), (HOST,)
    ),
    "a long part": lambda key: ClientRequest(request(key), (HOST,), (("O", "x" * 65),)),
    "many parts": lambda key: ClientRequest(request(key), (HOST,), (("OU", "x"),) * 17),
    "no text": lambda key: ClientRequest(None, (HOST,)),
    "no PEM": lambda key: ClientRequest("{}", (HOST,)),
    "two requests": lambda key: ClientRequest(request(key) * 2, (HOST,)),
    "a megabyte": lambda key: ClientRequest("x" * 10**6, (HOST,)),
    "a broken signature": lambda key: ClientRequest(_broken(request(key)), (HOST,)),
}


def _broken(pem: str) -> str:
    der = bytearray(x509.load_pem_x509_csr(pem.encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    broken = x509.load_der_x509_csr(bytes(der))
    return broken.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("case", REFUSED)
def test_attacks_of_clients_are_refused(case: str, authority: Authority, key: ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(SigningRefused) as refusal:
        ask(authority, REFUSED[case](key))
    assert len(str(refusal.value)) < 300 and str(refusal.value).isprintable()


def test_a_country_that_is_none_is_refused_where_any_name_may_be(
    authority: Authority, key: ec.EllipticCurvePrivateKey
) -> None:
    with pytest.raises(SigningRefused, match="cannot be signed"):
        ask(authority, ClientRequest(request(key), (HOST,), (("C", "Germany"),)), "old")


def test_an_rsa_root_that_was_taken_over_signs(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pair = rsa.generate_private_key(65537, 2048)
    clear = pair.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    roots.adopt("old", tmp_path, PASSPHRASE, issuers.pem(issuers.self_signed("Old", 86400, pair)), clear)
    taken = Authority.load(tmp_path, PASSPHRASE, {"old": TAKEN_OVER}, 3600)
    made = certificate(ask(taken, ClientRequest(request(key), (HOST,)), "old", "old"))
    assert chain.problems([made], [taken.roots["old"].anchor], chain.now()) == []


def test_a_wrong_unlock_key_opens_no_authority(ca: Path) -> None:
    with pytest.raises(CertificateError, match="wrong unlock key"):
        Authority.load(ca, b"another", PROFILES, 60)
    assert "PRIVATE" not in repr(keys.make()) and "key" not in repr(roots.load("consul", ca, PASSPHRASE)).lower()
