"""The key that unseals the main Vault, and the token by which the main Vault may use it and nothing else."""

from saltern.bootstrap import policies
from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed

TITLE = "The transit Vault has the key that unseals the main Vault"
NEEDS = ("transit-unsealed",)
SEALS = ("transit",)
PERIOD = "768h"  # 32 days: longer than the outage of the support server that any definition may tolerate


def _token(cluster: Cluster) -> str:
    return cluster.secret("vault_seal_token")


def check(cluster: Cluster) -> bool:
    """Ask as the main Vault will ask: encrypt something with the token."""
    client = cluster.vault(cluster.support, _token(cluster))
    return client.lookup_self() is not None and client.encrypts(policies.SEAL_KEY)


def apply(cluster: Cluster) -> None:
    root = cluster.journal.secret("transit_root_token")
    if root is None:
        raise StepFailed(
            "The seal token no longer works and the transit Vault's root token was revoked.",
            node=cluster.support.id,
            cure="docs/runbooks/transit-vault.md: generate a root token with the operators' shares",
        )
    client = cluster.vault(cluster.support, root)
    client.ensure_audit("file", "file", policies.VAULT_AUDIT)
    client.ensure_mount("transit", "transit")
    client.ensure_transit_key(policies.SEAL_KEY)
    client.ensure_policy(policies.SEAL_KEY, policies.VAULT_AUTOUNSEAL)
    client.ensure_token(_token(cluster), policies=[policies.SEAL_KEY], period=PERIOD, display_name=policies.SEAL_KEY)


def verify(cluster: Cluster) -> None:
    if not check(cluster):
        raise StepFailed("The seal token cannot encrypt.", node=cluster.support.id, cure="run the same command again")
