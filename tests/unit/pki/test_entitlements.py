"""Who gets which names: a name that makes a server belongs to servers of that service alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from saltern.errors import CertificateError
from saltern.model import Definition, Node
from saltern.pki.entitlements import CertificateSpec, certificates, from_pillar
from support_pki import PROFILES


def by_label(node: Node, cluster: Definition) -> dict[str, CertificateSpec]:
    return {spec.label: spec for spec in certificates(node, cluster, PROFILES)}


def test_what_each_kind_of_node_holds(server: Node, client: Node, support: Node, cluster: Definition) -> None:
    nomad = ["nomad/cli", "nomad/consul", "nomad/nomad", "nomad/vault"]
    assert list(by_label(server, cluster)) == ["consul/consul", *nomad, "vault/consul", "vault/vault"]
    assert list(by_label(client, cluster)) == ["consul/consul", *nomad]
    assert list(by_label(support, cluster)) == [
        "ca/support",
        "consul/consul",
        "support/support",
        "vault/consul",
        "vault/vault",
    ]
    shamir = replace(cluster, seal="shamir")
    assert list(by_label(support, shamir)) == ["ca/support", "consul/consul", "support/support"]


@pytest.mark.parametrize("role", ["consul-server", "vault", "nomad-server", "nomad-client", "support"])
def test_names_that_make_a_server_are_on_servers_only(role: str, client: Node, cluster: Definition) -> None:
    holders = {
        (spec.label, name)
        for spec in certificates(replace(client, role=(role,)), cluster, PROFILES)
        for name in spec.dns
        if name.startswith("server.") or name.endswith(".service.consul")
    }
    allowed = {
        "consul-server": {("consul/consul", "server.dc1.consul"), ("consul/consul", "consul.service.consul")},
        "nomad-server": {("nomad/nomad", "server.global.nomad"), ("nomad/nomad", "nomad.service.consul")},
        "vault": {("vault/vault", f"{prefix}vault.service.consul") for prefix in ("", "active.", "standby.")},
    }
    assert holders == allowed.get(role, set())


def test_every_certificate_names_the_node_itself(server: Node, cluster: Definition) -> None:
    for spec in certificates(server, cluster, PROFILES):
        assert {"localhost", server.id} <= set(spec.dns)
        assert set(spec.ip) == {"127.0.0.1", "::1", "10.99.0.11", "fd5a:99::11"}
        assert spec.common_name == server.id
        assert spec.lifetime == cluster.leaf_lifetime


def test_usages_owners_and_modes(server: Node, client: Node, cluster: Definition) -> None:
    mine = by_label(server, cluster)
    assert {label for label, spec in mine.items() if spec.profile == "peer"} == {
        "consul/consul",
        "nomad/nomad",
        "vault/vault",
    }
    assert mine["nomad/cli"].root == "nomad"
    assert mine["nomad/cli"].key_mode == 0o440
    assert {spec.key_mode for label, spec in mine.items() if label != "nomad/cli"} == {0o400}
    assert {spec.user for spec in mine.values()} == {"consul", "nomad", "vault"}
    assert {spec.user for label, spec in by_label(client, cluster).items() if label.startswith("nomad/")} == {"root"}


def test_pillar_and_back(server: Node, cluster: Definition) -> None:
    for spec in certificates(server, cluster, PROFILES):
        assert from_pillar(spec.as_pillar()) == spec


@pytest.mark.parametrize(
    "change",
    [
        {"application": "../../etc"},
        {"name": ""},
        {"profile": ""},
        {"usages": ["cert sign"]},
        {"usages": []},
        {"more": 1},
        {"dns": None},
        {"user": 0},
    ],
)
def test_a_wrong_pillar_is_refused(change: dict[str, object], server: Node, cluster: Definition) -> None:
    data = certificates(server, cluster, PROFILES)[0].as_pillar()
    with pytest.raises(CertificateError):
        from_pillar({**data, **change})
