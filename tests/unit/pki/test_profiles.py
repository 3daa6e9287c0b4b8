"""Profiles are read whole or refused with every problem, and say what a client may have."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from saltern.errors import CertificateError, Problems
from saltern.pki import profiles, reference, usages
from saltern.pki.profiles import NODE_PROFILES, Profile
from support_pki import PROFILES, PROFILES_FILE

NODES = "".join(f"  {name}: {{usages: [client auth], askers: [nodes]}}\n" for name in NODE_PROFILES)
ANY = '"*"'
WEB = "usages: [server auth], askers: [clients], dns: [a.example.org], auth_key: web"


def declared(tmp_path: Path, text: str) -> dict[str, Profile]:
    file = tmp_path / "profiles.yaml"
    file.write_text(text)
    return profiles.declared(file)


def test_the_shipped_profiles() -> None:
    assert set(PROFILES) == {"peer", "server", "client", "cli", "operator"}
    assert PROFILES["peer"].usages == ("digital signature", "server auth", "client auth")
    assert {PROFILES[name].lifetime for name in NODE_PROFILES} == {None}
    assert (PROFILES["operator"].lifetime, PROFILES["operator"].askers) == (12 * 3600, ("operators",))


def test_the_shipped_example_is_a_good_profile(tmp_path: Path) -> None:
    lines = PROFILES_FILE.read_text(encoding="utf-8").splitlines()
    begin = lines.index("  # web:")
    example = [line.replace("# ", "", 1) for line in lines[begin:]]
    web = declared(tmp_path, "\n".join([*lines, *example]))["web"]
    assert web.issues_from("support") and not web.issues_from("consul")
    assert web.allows_dns("x.apps.example.org") and web.admits(ip_address("192.0.2.9"))


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("x: []", "must be a mapping"),
        ("x: {usages: [client auth]}", "`askers` is missing"),
        ("x: {usages: [cert sign, client auth], askers: [nodes]}", "`cert sign` is unknown"),
        ("x: {usages: [signing], askers: [nodes]}", "no extended usage"),
        ("x: {usages: [client auth], askers: [everybody]}", "`everybody` is unknown"),
        ("x: {usages: [client auth], askers: [nodes], lifetime: 10}", "no duration"),
        ("x: {usages: [client auth], askers: [nodes], any_name: true}", "unknown key"),
        ("x: {usages: [client auth], askers: [nodes], dns: [a.example.org]}", "`dns` is for clients"),
        ("x/y: {usages: [client auth], askers: [nodes]}", "cannot be a name"),
        (f"x: {{{WEB}, unauthenticated: true}}", "not both"),
        (f"x: {{{WEB.replace(', auth_key: web', '')}}}", "need an auth key"),
        (f"x: {{{WEB.replace('auth_key: web', 'unauthenticated: true')}}}", "everybody could ask"),
        (f"x: {{{WEB.replace('dns: [a.example.org], ', '')}}}", "no name at all"),
        (f"x: {{{WEB}, networks: [0.0.0.0/0]}}", "is everybody"),
        (f"x: {{{WEB}, networks: [10.0.0.1/8]}}", "is no network"),
        (f"x: {{{WEB.replace('a.example.org', ANY)}}}", "no rule for DNS names"),
        (f"x: {{{WEB.replace('a.example.org', 'a.*.org')}}}", "no rule for DNS names"),
        (f"x: {{{WEB.replace('a.example.org', 'A_B')}}}", "no rule for DNS names"),
    ],
)
def test_wrong_profiles(entry: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(Problems, match=told):
        declared(tmp_path, f"profiles:\n{NODES}  {entry}\n")


@pytest.mark.parametrize("text", ["", "profiles: {}", "more: 1", "profiles:\n  peer: {usages: [any], askers: [nodes]}"])
def test_nodes_need_theirs(text: str, tmp_path: Path) -> None:
    with pytest.raises(Problems):
        declared(tmp_path, text)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Problems, match="cannot be read"):
        profiles.declared(tmp_path / "none.yaml")


def test_rules_for_names() -> None:
    dns = ("www.example.org", ".apps.example.org", "*.preview.example.org")
    profile = Profile("web", ("server auth",), 60, ("clients",), dns=dns)
    for name in ("www.example.org", "a.apps.example.org", "a.b.apps.example.org", "*.preview.example.org"):
        assert profile.allows_dns(name), name
    for name in (
        "example.org",
        "apps.example.org",
        "xapps.example.org",
        "*.apps.example.org",
        "x.preview.example.org",
        "*.example.org",
        "*",
        "",
    ):
        assert not profile.allows_dns(name), name


def test_usages_by_cfssls_names() -> None:
    assert yaml.safe_load(PROFILES_FILE.read_text())["profiles"].keys() == PROFILES.keys()
    both = ("signing", "key encipherment", "server auth", "s/mime", "email protection")
    curve, other = usages.key_usage(both, curve=True), usages.key_usage(both, curve=False)
    assert curve and curve.digital_signature and not curve.key_encipherment
    assert other and other.digital_signature and other.key_encipherment and not other.key_cert_sign
    assert usages.key_usage(("server auth",), curve=False) is None
    assert len(usages.extended(both)) == 2


def test_the_reference_page_is_what_the_table_says() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "profiles.md"
    assert page.read_text(encoding="utf-8") == reference.page(), "renew it as saltern/pki/reference.py says"


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(CertificateError, match="no profile 'x'"):
        profiles.one(PROFILES, "x")
