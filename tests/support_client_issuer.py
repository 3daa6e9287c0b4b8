"""The real issuer behind cfssl's API: a root, profiles for clients, an auth key, an inventory."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

from saltern.pki import roots
from saltern.pki.auth_keys import AuthKeys
from saltern.pki.authority import Authority
from saltern.pki.inventory import Inventory
from saltern.pki.profiles import Profile
from saltern_ca.issuer import ClientIssuer, RevocationLists

PASSPHRASE = b"unlock"
DECLARED = "roots: {support: {common_name: Test root, lifetime: 3650d}}\n"
TERMS: dict[str, Any] = {
    "usages": ("digital signature", "server auth"),
    "lifetime": 86400,
    "askers": ("clients",),
    "dns": ("www.example.org", ".apps.example.org"),
    "addresses": (ip_network("192.0.2.0/28"),),
    "networks": (ip_network("192.0.2.0/24"),),
}
PROFILES = {
    "web": Profile("web", auth_key="web", **TERMS),
    "open": Profile("open", unauthenticated=True, **TERMS),
    "node": Profile("node", ("digital signature", "client auth"), 86400, ("nodes",)),
}


def client_issuer(place: Path) -> ClientIssuer:
    """An issuer whose files lie in the empty directory ``place``; label ``support``, profiles web, open, node."""
    (place / "roots.yaml").write_text(DECLARED)
    (place / "roots").mkdir()
    roots.ensure(place / "roots.yaml", place / "roots", passphrase=PASSPHRASE)
    authority = Authority.load(place / "roots", PASSPHRASE, PROFILES, 86400)
    keys = AuthKeys(place / "auth-keys")
    keys.ensure("web")
    return ClientIssuer(authority, keys, RevocationLists(Inventory(place / "inventory.sqlite")))
