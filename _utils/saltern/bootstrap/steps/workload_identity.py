"""Consul and Vault trust the identities that Nomad gives its jobs: no job needs a long-lived token."""

from typing import Any

from saltern.bootstrap import policies
from saltern.bootstrap.cluster import Cluster, root_pem
from saltern.clients.consul import Consul
from saltern.errors import StepFailed
from saltern.waiting import until

TITLE = "Consul and Vault trust Nomad's workloads"
NEEDS = ("nomad-acl", "vault-configured", "consul-agents")


def check(cluster: Cluster) -> bool:
    consul = cluster.consul()
    if consul.auth_method(policies.WORKLOADS) is None or consul.role(policies.TASKS_ROLE) is None:
        return False
    if len(consul.binding_rules(policies.WORKLOADS)) < len(policies.CONSUL_BINDING_RULES):
        return False
    return cluster.active_vault().read(f"auth/{policies.JWT_PATH}/role/{policies.WORKLOADS}") is not None


def apply(cluster: Cluster) -> None:
    root = cluster.vault_root("Vault does not trust Nomad's workloads")
    consul, vault = cluster.consul(), cluster.active_vault(root)

    def accepted() -> bool:  # both fetch the keys at once: Nomad must be in Consul's DNS by then
        _trust_in_consul(consul)
        vault.ensure(f"auth/{policies.JWT_PATH}/config", **_vault_config())
        return True

    until(
        accepted,
        "Consul and Vault to read Nomad's public keys",
        seconds=60,
        cure="is nomad.service.consul in Consul's DNS?",
    )
    vault.ensure(f"auth/{policies.JWT_PATH}/role/{policies.WORKLOADS}", **policies.VAULT_WORKLOADS_ROLE)


def _trust_in_consul(consul: Consul) -> None:
    consul.ensure_auth_method(policies.consul_auth_method(root_pem("nomad")))
    for rule in policies.CONSUL_BINDING_RULES:
        consul.ensure_binding_rule(rule)
    consul.ensure_role({"Name": policies.TASKS_ROLE, "Policies": [{"Name": "nomad-tasks"}]})


def _vault_config() -> dict[str, Any]:
    return {
        "jwks_url": policies.JWKS_URL,
        "jwks_ca_pem": root_pem("nomad"),
        "jwt_supported_algs": ["RS256", "EdDSA"],
        "default_role": policies.WORKLOADS,
    }


def verify(cluster: Cluster) -> None:
    if not check(cluster):
        raise StepFailed("Consul or Vault does not trust Nomad's workloads.", cure="run the same command again")
