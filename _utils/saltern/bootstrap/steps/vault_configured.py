"""Audit first, then the secrets of jobs, the trust in Nomad's workloads, and the master's own login."""

from saltern.bootstrap import policies
from saltern.bootstrap.cluster import LEASE, Cluster, root_pem
from saltern.bootstrap.policies import MASTER_ROLE
from saltern.clients.vault import Vault
from saltern.errors import StepFailed

TITLE = "Vault has audit, policies, auth methods and secret engines"
NEEDS = ("vault-active",)


def _missing(cluster: Cluster, client: Vault) -> list[str]:
    mounts, auths = client.mounts(), client.auths()
    wanted = {
        "mount secret/": "secret/" in mounts,
        "mount consul/": "consul/" in mounts,
        "mount nomad/": "nomad/" in mounts,
    }
    wanted["auth approle/"] = "approle/" in auths
    wanted[f"auth {policies.JWT_PATH}/"] = f"{policies.JWT_PATH}/" in auths
    wanted["audit device"] = bool(client.audits())
    wanted[f"policy {MASTER_ROLE}"] = (client.policy(MASTER_ROLE) or "").strip() == policies.VAULT_MASTER.strip()
    if wanted[f"auth {policies.JWT_PATH}/"]:
        text = policies.vault_workloads(auths[f"{policies.JWT_PATH}/"]["accessor"])
        wanted[f"policy {policies.WORKLOADS}"] = (client.policy(policies.WORKLOADS) or "").strip() == text.strip()
    wanted["the master's login"] = bool(cluster.journal.fact("vault_master_role_id"))
    return [name for name, there in wanted.items() if not there]


def check(cluster: Cluster) -> bool:
    client = cluster.active_vault()
    return client.lookup_self() is not None and not _missing(cluster, client)


def apply(cluster: Cluster) -> None:
    lacks = ", ".join(_missing(cluster, cluster.active_vault()))
    client = cluster.active_vault(cluster.vault_root(f"Vault lacks {lacks}"))
    client.ensure_audit("file", "file", policies.VAULT_AUDIT)
    client.ensure_mount("secret", "kv", options={"version": "2"})
    client.ensure_mount("consul", "consul")
    client.ensure_mount("nomad", "nomad")
    client.ensure_auth("approle", "approle")
    client.ensure_auth(policies.JWT_PATH, "jwt")
    client.ensure_policy(MASTER_ROLE, policies.VAULT_MASTER)
    accessor = client.auths()[f"{policies.JWT_PATH}/"]["accessor"]
    client.ensure_policy(policies.WORKLOADS, policies.vault_workloads(accessor))
    _consul_engine(cluster, client)
    _master_login(cluster, client)


def _consul_engine(cluster: Cluster, client: Vault) -> None:
    token, root = cluster.secret("vault_engine_consul_token"), root_pem("consul")
    client.write("consul/config/access", address="127.0.0.1:8501", scheme="https", token=token, ca_cert=root)
    client.ensure(f"consul/roles/{MASTER_ROLE}", consul_policies=["global-management"], ttl=LEASE, max_ttl=2 * LEASE)


def _master_login(cluster: Cluster, client: Vault) -> None:
    role = f"auth/approle/role/{MASTER_ROLE}"
    client.ensure(role, **policies.vault_approle(cluster.support))
    answer = client.read(f"{role}/role-id") or {}
    made = client.write(f"{role}/secret-id")
    cluster.journal.put_secret("vault_master_secret_id", made["data"]["secret_id"])
    cluster.journal.remember("vault_master_role_id", answer["data"]["role_id"])


def verify(cluster: Cluster) -> None:
    client = cluster.active_vault()
    if missing := _missing(cluster, client):
        raise StepFailed(f"Vault lacks {', '.join(missing)}.", cure="run the same command again")
