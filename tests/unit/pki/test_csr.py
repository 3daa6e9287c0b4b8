"""What a hostile node may put into a request: none of it is signed."""

from __future__ import annotations

import base64
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID, NameOID

from saltern.errors import SigningRefused
from saltern.model import Definition, Node
from saltern.pki import csr
from saltern.pki.entitlements import CertificateSpec, certificates
from support_pki import PROFILES

GOOD = [x509.DNSName("localhost"), x509.IPAddress(ip_address("10.99.0.12"))]


@pytest.fixture
def spec(client: Node, cluster: Definition) -> CertificateSpec:
    return certificates(client, cluster, PROFILES)[0]


def request(spec, key=None, names=GOOD, common=None, extensions=(), attributes=(), hash_=hashes.SHA256()):  # noqa: B008
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common or spec.common_name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    for oid, value in attributes:
        builder = builder.add_attribute(oid, value)
    made = builder.sign(key or csr.make_key(), hash_)
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_our_own_request_passes(spec: CertificateSpec) -> None:
    key = csr.make_key()
    judged = csr.judge(csr.make(key, spec), spec)
    assert judged.public_key == key.public_key()
    assert (judged.dns, judged.ip) == (spec.dns, spec.ip)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()])
def test_stronger_keys_pass(curve: ec.EllipticCurve, spec: CertificateSpec) -> None:
    assert csr.judge(request(spec, ec.generate_private_key(curve)), spec).dns == ("localhost",)


def forged(spec: CertificateSpec) -> str:
    """A request that was changed after it was signed."""
    made = request(spec, names=[x509.DNSName("locaIhost")])
    der = x509.load_pem_x509_csr(made.encode()).public_bytes(serialization.Encoding.DER)
    return pem(der.replace(b"locaIhost", b"localhost"))


def pem(der: bytes) -> str:
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n"


def tlv(tag: int, *parts: bytes) -> bytes:
    """DER by hand, for what no builder makes."""
    body = b"".join(parts)
    size = len(body)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    length = bytes([size]) if size < 128 else bytes([0x80 + len(octets)]) + octets
    return bytes([tag]) + length + body


def by_hand(spec: CertificateSpec, *attributes: tuple[int, ...]) -> str:
    """A rightly signed request; each number is how many times the good names stand in one value of an attribute."""
    key = csr.make_key()
    san = x509.SubjectAlternativeName(GOOD).public_bytes()
    extension = tlv(0x30, tlv(0x06, b"\x55\x1d\x11"), tlv(0x04, san))
    oid = tlv(0x06, bytes.fromhex("2a864886f70d01090e"))
    requested = [tlv(0x30, oid, tlv(0x31, *(tlv(0x30, extension * n) for n in values))) for values in attributes]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, spec.common_name)]).public_bytes()
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    info = tlv(0x30, tlv(0x02, b"\x00"), subject, public, tlv(0xA0, *requested))
    algorithm = tlv(0x30, tlv(0x06, bytes.fromhex("2a8648ce3d040302")))
    return pem(tlv(0x30, info, algorithm, tlv(0x03, b"\x00" + key.sign(info, ec.ECDSA(hashes.SHA256())))))


def other_name(name: x509.GeneralName):
    return lambda spec: request(spec, names=[*GOOD, name])


ATTACKS = {
    "signature of another": forged,
    "RSA 1024": lambda spec: request(spec, rsa.generate_private_key(65537, 1024)),
    "RSA 4096": lambda spec: request(spec, rsa.generate_private_key(65537, 4096)),
    "P-192": lambda spec: request(spec, ec.generate_private_key(ec.SECP192R1())),
    "P-224": lambda spec: request(spec, ec.generate_private_key(ec.SECP224R1())),
    "secp256k1": lambda spec: request(spec, ec.generate_private_key(ec.SECP256K1())),
    "Ed25519": lambda spec: request(spec, ed25519.Ed25519PrivateKey.generate(), hash_=None),
    "SHA-224": lambda spec: request(spec, hash_=hashes.SHA224()),
    "another node's name": other_name(x509.DNSName("server-aaaaaa")),
    "a server's name": other_name(x509.DNSName("server.dc1.consul")),
    "Vault's name": other_name(x509.DNSName("active.vault.service.consul")),
    "wildcard": other_name(x509.DNSName("*.dc1.consul")),
    "wildcard alone": other_name(x509.DNSName("*")),
    "other letters": other_name(x509.DNSName("LOCALHOST")),
    "trailing dot": other_name(x509.DNSName("localhost.")),
    "NUL in a name": other_name(x509.DNSName("localhost\x00.evil")),
    "empty name": other_name(x509.DNSName("")),
    "another node's address": other_name(x509.IPAddress(ip_address("10.99.0.11"))),
    "mapped address": other_name(x509.IPAddress(ip_address("::ffff:10.99.0.11"))),
    "a network": other_name(x509.IPAddress(ip_network("10.99.0.0/24"))),
    "mail": other_name(x509.RFC822Name("root@localhost")),
    "URI": other_name(x509.UniformResourceIdentifier("spiffe://dc1/server")),
    "directory name": other_name(
        x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server.dc1.consul")]))
    ),
    "other name": other_name(x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01x")),
    "no names": lambda spec: request(spec, names=[]),
    "common name of a server": lambda spec: request(spec, common="server.dc1.consul"),
    "CA:TRUE": lambda spec: request(spec, extensions=[x509.BasicConstraints(ca=True, path_length=None)]),
    "CA:FALSE": lambda spec: request(spec, extensions=[x509.BasicConstraints(ca=False, path_length=None)]),
    "usages": lambda spec: request(
        spec, extensions=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])]
    ),
    "unknown extension": lambda spec: request(
        spec, extensions=[x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")]
    ),
    "challenge password": lambda spec: request(spec, attributes=[(AttributeOID.CHALLENGE_PASSWORD, b"x")]),
    "65 names": lambda spec: request(spec, names=[x509.DNSName("localhost")] * 65),
    "10,000 names": lambda spec: request(spec, names=[x509.DNSName(f"n{i}.dc1.consul") for i in range(10_000)]),
    "10,000 equal short names": lambda spec: request(spec, names=[x509.DNSName("")] * 10_000),
    "huge": lambda spec: "-----BEGIN CERTIFICATE REQUEST-----\n" + "A" * 10_000_000,
    "two requests": lambda spec: request(spec) * 2,
    "text before": lambda spec: "x\n" + request(spec),
    "no base64": lambda spec: request(spec).replace("M", "*"),
    "cut": lambda spec: request(spec)[:200] + "\n-----END CERTIFICATE REQUEST-----\n",
    "more after the DER": lambda spec: pem(
        x509.load_pem_x509_csr(request(spec).encode()).public_bytes(serialization.Encoding.DER) + b"\0"
    ),
    "names twice": lambda spec: by_hand(spec, (2,)),
    "two values of the attribute": lambda spec: by_hand(spec, (1, 1)),
    "the attribute twice": lambda spec: by_hand(spec, (1,), (1,)),
    "no value of the attribute": lambda spec: by_hand(spec, ()),
    "no attribute": by_hand,
    "a certificate": lambda spec: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "empty": lambda spec: "",
    "a list": lambda spec: [request(spec)],
    "bytes": lambda spec: request(spec).encode(),
    "nothing": lambda spec: None,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused(attack: str, spec: CertificateSpec) -> None:
    with pytest.raises(SigningRefused) as refusal:
        csr.judge(ATTACKS[attack](spec), spec)
    text = str(refusal.value)
    assert len(text) < 400
    assert text.isprintable()  # it goes into a log as one line


def test_two_common_names_are_refused(spec: CertificateSpec) -> None:
    twice = [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in (spec.common_name, "server.dc1.consul")]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(twice))
    made = builder.add_extension(x509.SubjectAlternativeName(GOOD), critical=False).sign(
        csr.make_key(), hashes.SHA256()
    )
    with pytest.raises(SigningRefused, match="subject"):
        csr.judge(made.public_bytes(serialization.Encoding.PEM).decode(), spec)


def test_a_request_by_hand_passes(spec: CertificateSpec) -> None:
    """So that the refusals below are for what they add, not for how they were made."""
    assert csr.judge(by_hand(spec, (1,)), spec).dns == ("localhost",)


def test_a_changed_request_is_told_as_such(spec: CertificateSpec) -> None:
    with pytest.raises(SigningRefused, match="not signed by its own key"):
        csr.judge(forged(spec), spec)
