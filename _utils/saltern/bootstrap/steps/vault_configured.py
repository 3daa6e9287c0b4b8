"""Audit first, then the secrets of jobs, the trust in Nomad's workloads, and the master's own login."""

from pathlib import Path

from saltern.bootstrap import policies
from saltern.bootstrap.cluster import LEASE, MASTER_ROLE, Cluster, ca_file
from saltern.clients.vault import VaultClient
from saltern.errors import StepFailed

TITLE = "Vault has audit, policies, auth methods and secret engines"
NEEDS = ("vault-active",)
AUDIT_LOG = "/var/log/vault/audit.log"


def _missing(cluster: Cluster, client: VaultClient) -> list[str]:
    mounts, auths = client.sys.mounts(), client.sys.auth_methods()
    wanted = {"mount secret/": "secret/" in mounts, "mount consul/": "consul/" in mounts, "mount nomad/": "nomad/" in mounts}
    wanted["auth approle/"] = "approle/" in auths
    wanted["auth jwt-nomad/"] = f"{policies.JWT_PATH}/" in auths
    wanted["audit device"] = bool(client.sys.audit_devices())
    wanted["policy saltern-master"] = (client.sys.policy(MASTER_ROLE) or "").strip() == policies.VAULT_MASTER.strip()
    if wanted["auth jwt-nomad/"]:
        text = policies.vault_workloads(auths[f"{policies.JWT_PATH}/"]["accessor"])
        wanted["policy nomad-workloads"] = (client.sys.policy(policies.WORKLOADS) or "").strip() == text.strip()
    wanted["the master's login"] = bool(cluster.journal.fact("vault_master_role_id"))
    return [name for name, there in wanted.items() if not there]


def check(cluster: Cluster) -> bool:
    client = cluster.active_vault()
    return client.auth.lookup_self() is not None and not _missing(cluster, client)


def apply(cluster: Cluster) -> None:
    root = cluster.journal.secret("vault_root_token")
    if root is None:
        lacks = ", ".join(_missing(cluster, cluster.active_vault()))
        raise StepFailed(
            f"Vault lacks {lacks}, and its root token was revoked.",
            cure="docs/runbooks/break-glass.md: generate a root token with the operators' recovery keys",
        )
    client = cluster.active_vault(root)
    client.sys.ensure_audit_file("file", AUDIT_LOG)
    client.sys.ensure_mount("secret", "kv", options={"version": "2"})
    client.sys.ensure_mount("consul", "consul")
    client.sys.ensure_mount("nomad", "nomad")
    client.sys.ensure_auth_method("approle", "approle")
    client.sys.ensure_auth_method(policies.JWT_PATH, "jwt")
    client.sys.ensure_policy(MASTER_ROLE, policies.VAULT_MASTER)
    accessor = client.sys.auth_methods()[f"{policies.JWT_PATH}/"]["accessor"]
    client.sys.ensure_policy(policies.WORKLOADS, policies.vault_workloads(accessor))
    _consul_engine(cluster, client)
    _master_login(cluster, client)


def _consul_engine(cluster: Cluster, client: VaultClient) -> None:
    token = cluster.journal.secret("vault_engine_consul_token")
    if token is None:
        raise StepFailed("The journal has no Consul token for Vault's engine.", cure="restore the journal")
    root = Path(ca_file("consul")).read_text(encoding="ascii")
    client.engines.ensure_consul_access(address="127.0.0.1:8501", token=token, ca_pem=root)
    client.engines.ensure_consul_role(MASTER_ROLE, ["global-management"], ttl=LEASE, max_ttl=2 * LEASE)


def _master_login(cluster: Cluster, client: VaultClient) -> None:
    client.auth.ensure_approle(MASTER_ROLE, policies.vault_approle(cluster.support))
    cluster.journal.put_secret("vault_master_secret_id", client.auth.new_secret_id(MASTER_ROLE))
    cluster.journal.remember("vault_master_role_id", client.auth.role_id(MASTER_ROLE))


def verify(cluster: Cluster) -> None:
    client = cluster.active_vault()
    if missing := _missing(cluster, client):
        raise StepFailed(f"Vault lacks {', '.join(missing)}.", cure="run the same command again")
