"""The roots of the certificate authority, on the support server: ``<directory>/<root>/{ca.pem,ca-key.pem}``."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from saltern import files, paths
from saltern.definition import typed
from saltern.definition.document import DocumentReader, Entry
from saltern.definition.schema import Key, mapping, read_section
from saltern.errors import CertificateError, Problem, Problems
from saltern.model import ROOTS
from saltern.pki import chain

KEY_MODE, CERTIFICATE_MODE = 0o400, 0o444
BACKDATED = timedelta(minutes=5)  # a node whose clock is behind still finds a new certificate valid
TABLE = (
    Key("common_name", typed.text, "text", "The root's name, as people see it in a certificate."),
    Key("lifetime", typed.duration, "duration", "How long the root is valid. Its leaves never outlive it."),
)


@dataclass(frozen=True)
class RootSpec:
    """A root as declared. ``lifetime`` in seconds."""

    name: str
    common_name: str
    lifetime: int


@dataclass(frozen=True)
class Root:
    """A root that can sign. Its key is never part of ``repr``."""

    name: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"Root({self.name}, {chain.fingerprint(self.certificate)})"


def declared(file: str | Path = paths.ROOTS) -> tuple[RootSpec, ...]:
    """The roots that are to exist, in the file's order.

    :raises Problems: with everything that is wrong with the file.
    """
    reader = DocumentReader()
    reader.read(Path(file))
    found: list[RootSpec] = []
    problems = reader.problems
    top = reader.top.pop("roots", None)
    if top is None:
        cure = "add `roots:` with one entry each."
        problems.append(Problem("the key `roots` is missing", where=str(file), cure=cure))
    for name, entry in reader.top.items():
        problems.append(Problem(f"unknown key `{name}`", where=str(entry.place), cure="only `roots:` stands here."))
    for name, entry in ((mapping(top, problems) or {}) if top else {}).items():
        found += _read_root(name, entry, problems)
    if problems:
        raise Problems("The declared roots are wrong; nothing was changed.", problems)
    return tuple(found)


def missing(file: str | Path = paths.ROOTS, directory: str | Path = paths.CA_ROOTS) -> tuple[str, ...]:
    """Names of the declared roots that do not exist yet, or only in part."""
    return tuple(
        spec.name for spec in declared(file) if not all(path.exists() for path in _files(Path(directory), spec.name))
    )


def ensure(file: str | Path = paths.ROOTS, directory: str | Path = paths.CA_ROOTS) -> tuple[str, ...]:
    """Makes the declared roots that are missing and returns their names; an existing root is never touched.

    Safe to run twice at once and after a kill: a key without a certificate was never used, so it is completed.

    :raises CertificateError: when a root has its certificate but not its key, or both do not match.
    """
    made = tuple(spec.name for spec in declared(file) if _ensure(spec, Path(directory)))
    verify(file, directory)
    return made


def verify(file: str | Path = paths.ROOTS, directory: str | Path = paths.CA_ROOTS) -> None:
    """Proves that every declared root can sign now and that only root can read its key.

    :raises CertificateError: naming the first root that is not so, and the cure.
    """
    for spec in declared(file):
        root = load(spec.name, directory)
        wrong = chain.time_problems(root.certificate, chain.now())
        for path, mode in zip(_files(Path(directory), spec.name), (CERTIFICATE_MODE, KEY_MODE), strict=True):
            status = path.stat()
            if stat.S_IMODE(status.st_mode) != mode or (status.st_uid, status.st_gid) != _owner(Path(directory)):
                wrong.append(f"{path} must be owned by root, mode {mode:04o}")
        if wrong:
            raise CertificateError(
                f"Root {spec.name} is not as it should be: {'; '.join(wrong)}.",
                cure="mend owner and mode with chown and chmod; an expired root needs a new one.",
            )


def load(name: str, directory: str | Path = paths.CA_ROOTS) -> Root:
    """The root with its key, checked to belong together.

    :raises CertificateError: when one of its files is missing, unreadable or does not match the other.
    """
    certificate = certificate_of(name, directory)
    key = _load_key(_files(Path(directory), name)[1], name)
    if certificate.public_key() != key.public_key():
        raise CertificateError(
            f"Key and certificate of root {name} do not belong together.", cure="restore both from the same backup."
        )
    return Root(name, certificate, key)


def certificate_of(name: str, directory: str | Path = paths.CA_ROOTS) -> x509.Certificate:
    """The root's public certificate.

    :raises CertificateError: when it does not exist or cannot be read.
    """
    path = _files(Path(directory), name)[0]
    try:
        found = chain.parse(path.read_bytes(), str(path))
    except FileNotFoundError as error:
        raise CertificateError(f"Root {name} does not exist ({path}).", cure="salt-run ca.init") from error
    except OSError as error:
        raise CertificateError(f"Root {name} cannot be read: {error}.", cure="run this as root.") from error
    if len(found) != 1:
        raise CertificateError(f"{path} holds {len(found)} certificates.", cure="restore it from the backup.")
    return found[0]


def trust(directory: str | Path = paths.CA_ROOTS) -> dict[str, str]:
    """Root name -> PEM of every root that exists by now: what nodes are given to trust.

    :raises CertificateError: when one cannot be read.
    """
    found = {name: _files(Path(directory), name)[0] for name in ROOTS}
    try:
        return {name: path.read_text(encoding="ascii") for name, path in found.items() if path.exists()}
    except (OSError, UnicodeDecodeError) as error:
        raise CertificateError(f"A root cannot be read: {error}.", cure="see `salt-run ca.roots`.") from error


def _read_root(name: str, entry: Entry, problems: list[Problem]) -> list[RootSpec]:
    try:
        typed.label_text(name)  # it becomes a directory, a file and a pillar key
    except typed.Wrong as wrong:
        problems.extend(wrong.at(entry.place))
    section = read_section(entry, TABLE, problems)
    if not section.has("common_name", "lifetime"):
        return []
    if not 1 <= len(section["common_name"]) <= 64:  # ub-common-name, RFC 5280 appendix A
        problems.append(Problem("must have 1 to 64 characters", where=section.where("common_name"), cure="shorten it."))
    return [RootSpec(name, section["common_name"], section["lifetime"])]


def _files(directory: Path, name: str) -> tuple[Path, Path]:
    return directory / name / "ca.pem", directory / name / "ca-key.pem"


def _owner(directory: Path) -> tuple[int, int]:
    """Who owns the roots: whoever owns the directory that holds them (root, on a support server)."""
    status = directory.stat()
    return status.st_uid, status.st_gid


def _ensure(spec: RootSpec, directory: Path) -> bool:
    certificate_path, key_path = _files(directory, spec.name)
    if certificate_path.exists():
        load(spec.name, directory)
        return False
    certificate_path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    certificate_path.parent.chmod(0o755)  # whatever the umask was: nodes' applications read their files here
    uid, gid = _owner(directory)
    made = ec.generate_private_key(ec.SECP256R1())
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    if not files.create(files.Wanted(key_path, pem, KEY_MODE, uid, gid)):
        made = _load_key(key_path, spec.name)
    certificate = _self_signed(spec, made).public_bytes(serialization.Encoding.PEM)
    return files.create(files.Wanted(certificate_path, certificate, CERTIFICATE_MODE, uid, gid))


def _load_key(path: Path, name: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise CertificateError(
            f"The key of root {name} is lost ({path}).",
            cure="restore it from the backup; without one, every node needs a new root.",
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise CertificateError(f"The key of root {name} cannot be read ({path}).", cure="run this as root.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"The key of root {name} is no elliptic-curve key.", cure="restore it from the backup.")
    return key


def _self_signed(spec: RootSpec, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, spec.common_name)])
    begin = chain.now() - BACKDATED
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(seconds=spec.lifetime))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)  # room for an intermediate
        .add_extension(key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    """The key usage of an authority, or of a leaf with an elliptic-curve key (RFC 5480 section 3)."""
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )
