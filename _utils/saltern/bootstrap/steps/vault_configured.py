"""Audit first, then the secrets of jobs, the trust in Nomad's workloads, and the master's own login."""

from pathlib import Path

from saltern.bootstrap import policies
from saltern.bootstrap.cluster import LEASE, MASTER_ROLE, Cluster, ca_file
from saltern.clients.vault import Vault
from saltern.errors import StepFailed

TITLE = "Vault has audit, policies, auth methods and secret engines"
NEEDS = ("vault-active",)
AUDIT_LOG = "/var/log/vault/audit.log"


def _missing(cluster: Cluster, client: Vault) -> list[str]:
    mounts, auths = client.mounts(), client.auths()
    wanted = {
        "mount secret/": "secret/" in mounts,
        "mount consul/": "consul/" in mounts,
        "mount nomad/": "nomad/" in mounts,
    }
    wanted["auth approle/"] = "approle/" in auths
    wanted["auth jwt-nomad/"] = f"{policies.JWT_PATH}/" in auths
    wanted["audit device"] = bool(client.audits())
    wanted["policy saltern-master"] = (client.policy(MASTER_ROLE) or "").strip() == policies.VAULT_MASTER.strip()
    if wanted["auth jwt-nomad/"]:
        text = policies.vault_workloads(auths[f"{policies.JWT_PATH}/"]["accessor"])
        wanted["policy nomad-workloads"] = (client.policy(policies.WORKLOADS) or "").strip() == text.strip()
    wanted["the master's login"] = bool(cluster.journal.fact("vault_master_role_id"))
    return [name for name, there in wanted.items() if not there]


def check(cluster: Cluster) -> bool:
    client = cluster.active_vault()
    return client.lookup_self() is not None and not _missing(cluster, client)


def apply(cluster: Cluster) -> None:
    root = cluster.journal.secret("vault_root_token")
    if root is None:
        lacks = ", ".join(_missing(cluster, cluster.active_vault()))
        raise StepFailed(
            f"Vault lacks {lacks}, and its root token was revoked.",
            cure="docs/runbooks/break-glass.md: generate a root token with the operators' recovery keys",
        )
    client = cluster.active_vault(root)
    client.ensure_audit("file", "file", {"file_path": AUDIT_LOG})
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
    token = cluster.journal.secret("vault_engine_consul_token")
    if token is None:
        raise StepFailed("The journal has no Consul token for Vault's engine.", cure="restore the journal")
    root = Path(ca_file("consul")).read_text(encoding="ascii")
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
