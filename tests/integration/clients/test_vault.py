"""The Vault client against a Shamir Vault (also the transit of another) whose shares are sealed to operators."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from saltern.bootstrap import policies
from saltern.clients.vault import Health, Vault
from saltern.errors import ServiceError, ServiceRefused
from saltern.waiting import until
from support_identities import jwt, key_pair
from support_pgp import Operator, dismiss, operators
from support_services import Bench

SHARES, THRESHOLD = 3, 2
SEAL_TOKEN = secrets.token_hex(16)


@pytest.fixture(scope="module")
def people() -> Iterator[list[Operator]]:
    with tempfile.TemporaryDirectory(prefix="pgp-") as directory:
        made = operators(Path(directory), SHARES)
        yield made
        dismiss(made)


@pytest.fixture(scope="module")
def started(bench: Bench) -> Vault:
    """A Vault on raft storage that nobody has initialised."""
    data = bench.directory / "vault-1" / "data"
    storage = {"raft": {"path": str(data), "node_id": "node-1", "performance_multiplier": 1}}
    assert bench.vault_client(1).health() is Health.UNREACHABLE
    process = bench.vault(1, storage)
    client = bench.vault_client(1)
    process.wait_for(client.is_reachable, "Vault to listen")
    return client


@pytest.fixture(scope="module")
def vault(bench: Bench, started: Vault, people: list[Operator]) -> Vault:
    """A client of that Vault with its root token, after the operators have opened it."""
    assert started.health() is Health.UNINITIALISED
    assert started.is_initialised() is False
    made = started.initialise(SHARES, THRESHOLD, [one.armour for one in people], recovery=False)
    assert made.root_token not in repr(made) and made.shares[0] not in repr(made)
    assert started.health() is Health.SEALED and started.is_initialised()
    opened = [person.opens(share) for person, share in zip(people, made.shares, strict=True)]
    assert started.unseal(opened[0]) is True
    assert started.seal_status()["progress"] == 1
    started.reset_unseal()
    assert started.seal_status()["progress"] == 0
    assert [started.unseal(share) for share in opened[1:]] == [True, False]
    until(lambda: started.health() is Health.ACTIVE, "an active Vault", seconds=30)
    return bench.vault_client(1, made.root_token)


def test_it_is_initialised_only_once(vault, people):
    with pytest.raises(ServiceRefused, match="already initialized"):
        vault.initialise(1, 1, recovery=False)


def test_a_key_that_is_none_is_refused_before_the_init(vault):
    with pytest.raises(ServiceError, match="no PGP public key"):
        vault.initialise(1, 1, ["not a key!"], recovery=False)


def test_a_wrong_share_is_refused_and_not_repeated(vault):
    with pytest.raises(ServiceRefused) as refused:
        vault.unseal("bm90LWEtc2hhcmU=x")
    assert "bm90LWEtc2hhcmU" not in str(refused.value)


def test_the_leader(vault, bench):
    assert vault.leader()["leader_address"] == f"https://{bench.address(1)}:8200"


def test_mounts(vault):
    assert vault.ensure_mount("secret", "kv", options={"version": "2"}) is True
    assert vault.ensure_mount("secret/", "kv", options={"version": "2"}) is False
    assert vault.mounts()["secret/"]["options"] == {"version": "2"}
    with pytest.raises(ServiceError, match=r"Vault has kv 2 at secret, not transit"):
        vault.ensure_mount("secret", "transit")


def test_secrets(vault):
    vault.ensure_mount("secret", "kv", options={"version": "2"})
    assert vault.kv_get("secret", "default/x") is None
    assert vault.kv_put("secret", "default/x", {"a": "b"}) == 1
    assert vault.ensure_kv("secret", "default/x", {"a": "b"}) is False
    assert vault.ensure_kv("secret", "default/x", {"a": "c"}) is True
    assert vault.kv_get("secret", "default/x") == {"a": "c"}
    assert vault.write("secret/data/default/x", data={"a": "d"})["data"]["version"] == 3
    assert vault.read("secret/data/default/x")["data"]["data"] == {"a": "d"}
    assert vault.read("secret/data/nothing") is None


def test_policies(vault):
    rules = 'path "secret/data/*" { capabilities = ["read"] }\n'
    assert vault.policy("reader") is None
    assert [vault.ensure_policy("reader", rules), vault.ensure_policy("reader", rules.strip())] == [True, False]
    assert vault.policy("reader").strip() == rules.strip()
    assert "reader" in vault.policies()


def test_audit_hides_the_secrets(vault, bench):
    log = bench.directory / "vault-1" / "audit.log"
    options = {"file_path": str(log)}
    assert [vault.ensure_audit("file", "file", options), vault.ensure_audit("file", "file", options)] == [True, False]
    vault.ensure_mount("secret", "kv", options={"version": "2"})
    vault.kv_put("secret", "audited", {"password": "correct-horse-battery"})
    text = log.read_text()
    assert "secret/data/audited" in text and "correct-horse" not in text


def test_approle(vault, bench):
    assert [vault.ensure_auth("approle", "approle"), vault.ensure_auth("approle", "approle")] == [True, False]
    vault.ensure_policy("reader", 'path "secret/data/*" { capabilities = ["read"] }')
    role = "auth/approle/role/master"
    settings = {
        "token_policies": ["reader"],
        "token_ttl": "15m",
        "token_max_ttl": "1h",
        "secret_id_num_uses": 1,
        "token_bound_cidrs": ["127.0.0.0/8"],
    }
    assert vault.ensure(role, **settings) is True
    assert vault.ensure(role, **settings) is False
    assert vault.ensure(role, **{**settings, "token_ttl": "10m"}) is True
    role_id = vault.read(f"{role}/role-id")["data"]["role_id"]
    secret_id = vault.write(f"{role}/secret-id")["data"]["secret_id"]
    door = bench.vault_client(1)
    token = door.approle_login(role_id, secret_id)
    mine = bench.vault_client(1, token)
    assert mine.lookup_self()["ttl"] <= 600
    assert "reader" in mine.lookup_self()["policies"]
    with pytest.raises(ServiceRefused) as refused:
        door.approle_login(role_id, secret_id)
    assert secret_id not in str(refused.value)
    with pytest.raises(ServiceRefused) as refused:
        mine.policies()
    assert refused.value.status == 403 and token not in str(refused.value)
    mine.revoke_self()
    assert mine.lookup_self() is None


def test_jwt(vault, bench):
    private, public = key_pair()
    vault.ensure_auth("jwt-nomad", "jwt")
    config = {"jwt_validation_pubkeys": [public], "default_role": "jobs", "jwt_supported_algs": ["RS256"]}
    assert vault.ensure("auth/jwt-nomad/config", **config) is True
    assert vault.ensure("auth/jwt-nomad/config", **config) is False
    role = {
        "role_type": "jwt",
        "bound_audiences": ["vault.io"],
        "user_claim": "/nomad_job_id",
        "user_claim_json_pointer": True,
        "claim_mappings": {"nomad_job_id": "nomad_job_id"},
        "token_type": "service",
        "token_period": "30m",
        "token_policies": ["default"],
    }
    assert vault.ensure("auth/jwt-nomad/role/jobs", **role) is True
    assert vault.ensure("auth/jwt-nomad/role/jobs", **role) is False
    claims = {"aud": "vault.io", "nomad_job_id": "canary"}
    token = bench.vault_client(1).jwt_login("jobs", jwt(private, claims), mount="jwt-nomad")
    assert vault.lookup(token)["meta"]["nomad_job_id"] == "canary"
    with pytest.raises(ServiceRefused):
        bench.vault_client(1).jwt_login("jobs", jwt(private, {**claims, "aud": "other"}), mount="jwt-nomad")


def test_jobs_of_one_name_in_two_namespaces_share_nothing(vault, bench):
    """A job that logs in must not move another's token to its namespace, whatever HashiCorp's own set-up does."""
    private, public = key_pair()
    vault.ensure_auth("jwt-two", "jwt")
    config = {"jwt_validation_pubkeys": [public], "default_role": "jobs", "jwt_supported_algs": ["RS256"]}
    vault.ensure("auth/jwt-two/config", **config)
    vault.ensure_policy(policies.WORKLOADS, policies.vault_workloads(vault.auths()["jwt-two/"]["accessor"]))
    vault.ensure("auth/jwt-two/role/jobs", **policies.VAULT_WORKLOADS_ROLE)
    vault.ensure_mount("secret", "kv", options={"version": "2"})
    tokens = {}
    for namespace in ("mine", "theirs"):
        vault.ensure_kv("secret", f"{namespace}/web", {"marker": namespace})
        sub = f"global:{namespace}:web:web:web:vault_default"  # as Nomad writes it
        claims = {"aud": "vault.io", "sub": sub, "nomad_namespace": namespace}
        claims |= {"nomad_job_id": "web", "nomad_task": "web"}
        tokens[namespace] = bench.vault_client(1).jwt_login("jobs", jwt(private, claims), mount="jwt-two")
    early = bench.vault_client(1, tokens["mine"])  # "theirs" logged in after it
    assert early.read("secret/data/mine/web")["data"]["data"] == {"marker": "mine"}
    with pytest.raises(ServiceRefused):
        early.read("secret/data/theirs/web")


def test_tokens_with_chosen_ids(vault, bench):
    token = secrets.token_hex(16)
    vault.ensure_policy("reader", 'path "secret/data/*" { capabilities = ["read"] }')
    assert vault.lookup(token) is None
    assert vault.ensure_token(token, policies=["reader"], period="24h") is True
    assert vault.ensure_token(token, policies=["reader"], period="24h") is False
    found = vault.lookup(token)
    assert found["orphan"] and found["period"] == 24 * 3600
    assert vault.lookup_accessor(found["accessor"])["policies"] == found["policies"]
    assert bench.vault_client(1, token).renew_self() == 24 * 3600
    assert vault.ensure_token(token, policies=["default"], period="24h") is True
    vault.revoke_accessor(vault.lookup(token)["accessor"])
    assert vault.lookup(token) is None
    other = vault.create_token(policies=["reader"], ttl="5m")
    vault.revoke(other)
    assert vault.lookup(other) is None


@pytest.fixture(scope="module")
def sealing(vault: Vault, bench: Bench) -> Vault:
    """A client with the token by which another Vault has itself unsealed."""
    assert vault.ensure_mount("transit", "transit") is True
    assert [vault.ensure_transit_key("autounseal"), vault.ensure_transit_key("autounseal")] == [True, False]
    rules = "".join(
        f'path "transit/{verb}/autounseal" {{ capabilities = ["update"] }}\n' for verb in ("encrypt", "decrypt")
    )
    vault.ensure_policy("autounseal", rules)
    vault.ensure_token(SEAL_TOKEN, policies=["autounseal"], period="24h")
    return bench.vault_client(1, SEAL_TOKEN)


def test_the_seal_s_token_encrypts_with_its_key_only(sealing, bench):
    assert sealing.encrypts("autounseal") is True
    assert sealing.encrypts("other") is False
    assert bench.vault_client(1, secrets.token_hex(16)).encrypts("autounseal") is False


def test_a_vault_that_another_unseals(sealing, bench, people):
    seal = {
        "transit": {
            "address": f"https://{bench.address(1)}:8200",
            "token": SEAL_TOKEN,
            "key_name": "autounseal",
            "mount_path": "transit/",
            "tls_ca_cert": bench.ca_file("vault"),
        }
    }
    data = str(bench.directory / "vault-2" / "data")
    process = bench.vault(2, {"raft": {"path": data, "node_id": "node-2", "performance_multiplier": 1}}, seal)
    client = bench.vault_client(2)
    process.wait_for(client.is_reachable, "Vault to listen")
    made = client.initialise(SHARES, THRESHOLD, [one.armour for one in people], recovery=True)
    until(lambda: client.health() is Health.ACTIVE, "an active Vault that nobody unsealed", seconds=30)
    assert client.seal_status()["type"] == "transit"
    assert len(made.shares) == SHARES and people[2].opens(made.shares[2])
    root = bench.vault_client(2, made.root_token)
    assert root.lookup_self()["policies"] == ["root"]
    assert root.raft_snapshot()[:2] == b"\x1f\x8b"
    root.step_down()
    until(lambda: client.health() is Health.ACTIVE, "it to be active again", seconds=30)
    process.stop()
    process.start()
    process.wait_for(lambda: client.health() is Health.ACTIVE, "it to open itself after a restart")
    root.revoke_self()
    assert root.lookup_self() is None


def test_sealing(vault):
    vault.seal()
    assert vault.health() is Health.SEALED and not vault.health().unsealed
    with pytest.raises(ServiceRefused, match="sealed"):
        vault.mounts()
