"""Every rule of taking over a cfssl set-up. A case is a file in ``cases``, named after its failure or ``good_…``."""

from __future__ import annotations

import copy
import datetime
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from saltern.cfssl.imported import ImportedRoot, exported, read
from saltern.errors import Problems

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.yaml"))
BASE = yaml.safe_load((HERE / "base.yaml").read_text())
USAGES = ("signing", "key encipherment", "server auth", "client auth")
PEM, DER, PKCS8 = serialization.Encoding.PEM, serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Held:
    """A set-up in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def file(self, path: str) -> bytes | None:
        return self.files.get(path.lstrip("/"))

    def variable(self, name: str) -> str | None:
        return {"CFSSL_KEY": "ff" * 16}.get(name)


@pytest.fixture(scope="session")
def held() -> dict[str, bytes]:
    """Keys and certificates, good ones and others."""
    root, rsa_root = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    made = {"root": root, "other": ec.generate_private_key(ec.SECP256R1()), "rsa": rsa_root}
    weak = ec.generate_private_key(ec.SECP192R1())
    return {
        **{f"{name}-key.pem": _key(key) for name, key in {**made, "weak": weak}.items()},
        "root-key.der": root.private_bytes(DER, PKCS8, serialization.NoEncryption()),
        "encrypted-key.pem": root.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"x")),
        "root.pem": _certificate(root),
        "rsa.pem": _certificate(rsa_root),
        "leaf.pem": _certificate(root, authority=False),
        "ended.pem": _certificate(root, days=-1),
        "web.key": b"aabbccddeeff00112233445566778899\n",
    }


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_case(file: Path, held: dict[str, bytes]) -> None:
    case = yaml.safe_load(file.read_text())
    try:
        roots = read("roots.conf", _laid_out(case, held), USAGES)
    except Problems as problems:
        texts = list(dict.fromkeys(str(problem) for problem in problems.problems))
        assert "problems" in case, texts
        for fragment in case["problems"]:
            assert any(fragment in text for text in texts), (fragment, texts)
        assert len(texts) == len(case["problems"]), texts
        assert all(problem.where and problem.cure.endswith((".", "…`.")) for problem in problems.problems), texts
    else:
        assert "problems" not in case, "the set-up was accepted"
        assert file.stem.startswith("good_")
        assert [root.label for root in roots] == ["primary", "backup"]


def test_what_is_taken_over_is_what_stood_there(held: dict[str, bytes]) -> None:
    primary, backup = read("roots.conf", _laid_out({}, held), USAGES)
    assert [str(network) for network in primary.networks] == ["10.0.0.0/8", "2001:db8::/32"]
    assert backup.networks == ()
    client = primary.config.profiles["client"]
    assert (client.lifetime, client.backdate, client.usages) == (5400, 60, ("signing", "client auth"))
    assert (client.auth_key, client.previous_key) == ("by-file", "by-env")
    assert primary.config.profiles[""].lifetime == 8760 * 3600
    assert primary.config.auth_keys["by-file"] == "aabbccddeeff00112233445566778899"
    assert primary.config.auth_keys["by-env"] == "ff" * 16


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("a.example.org", True), ("b-1.example.org", True), ("example.org", False), ("a.example.org.evil", False)],
)
def test_a_name_whitelist_judges_names_as_cfssl_does(held: dict[str, bytes], name: str, allowed: bool) -> None:
    client = read("roots.conf", _laid_out({}, held), USAGES)[0].config.profiles["client"]
    assert client.allows_name(name) is allowed


def test_an_export_reads_back_as_the_same(held: dict[str, bytes]) -> None:
    roots = read("roots.conf", _laid_out({}, held), USAGES)
    files = exported(roots, "/srv/cfssl")
    assert sorted(files) == [
        "backup-key.pem", "backup.pem", "cfssl.json", "primary-key.pem", "primary.pem", "roots.conf",
    ]  # fmt: skip
    assert read("roots.conf", _below("/srv/cfssl", files), USAGES) == roots


def test_roots_with_other_policies_export_a_file_each(held: dict[str, bytes]) -> None:
    primary, backup = read("roots.conf", _laid_out({}, held), USAGES)
    bare = type(backup.config)({}, {})
    files = exported([primary, ImportedRoot("backup", backup.certificate, backup.key, (), bare)], "/x")
    assert {"primary.json", "backup.json"} < set(files)


def test_no_secret_is_printed(held: dict[str, bytes]) -> None:
    printed = repr(read("roots.conf", _laid_out({}, held), USAGES))
    assert "PRIVATE KEY" not in printed
    assert "ff" * 16 not in printed


def _laid_out(case: dict[str, Any], held: dict[str, bytes]) -> Held:
    conf = BASE["roots.conf"]
    for old, new in case.get("conf", []):
        assert old is None or old in conf
        conf = new if old is None else conf.replace(old, new, 1)
    config = copy.deepcopy(BASE["cfssl.json"])
    for path, value in case.get("change", {}).items():
        *above, last = path.split(".")
        place = config
        for part in above:
            place = place[part]
        place[last] = value
    return Held({**held, "roots.conf": conf.encode(), "cfssl.json": json.dumps(config).encode()})


def _below(directory: str, files: dict[str, bytes]) -> Held:
    return Held({**{f"{directory}/{name}".lstrip("/"): data for name, data in files.items()}, **files})


def _key(key: Key) -> bytes:
    return key.private_bytes(PEM, PKCS8, serialization.NoEncryption())


def _certificate(key: Key, *, authority: bool = True, days: int = 30) -> bytes:
    now, name = datetime.datetime.now(datetime.UTC), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - datetime.timedelta(days=60))
    builder = builder.not_valid_after(now + datetime.timedelta(days=days))
    made = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    return made.sign(key, hashes.SHA256()).public_bytes(PEM)
