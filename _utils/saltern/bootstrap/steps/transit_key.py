"""The key that unseals the main Vault, and the token by which the main Vault may use it and nothing else."""

from saltern.bootstrap import policies
from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed

TITLE = "The transit Vault has the key that unseals the main Vault"
NEEDS = ("transit-unsealed",)
SEALS = ("transit",)
PERIOD = "768h"  # 32 days: longer than the outage of the support server that any definition may tolerate


def _token(cluster: Cluster) -> str:
    token = cluster.journal.secret("vault_seal_token")
    if token is None:
        raise StepFailed("The journal has no seal token.", cure="restore the journal from its backup")
    return token


def check(cluster: Cluster) -> bool:
    """Ask as the main Vault will ask: encrypt something with the token."""
    client = cluster.vault(cluster.support, _token(cluster))
    return client.lookup_self() is not None and client.encrypts("autounseal")


def apply(cluster: Cluster) -> None:
    root = cluster.journal.secret("transit_root_token")
    if root is None:
        raise StepFailed(
            "The seal token no longer works and the transit Vault's root token was revoked.",
            node=cluster.support.id,
            cure="docs/runbooks/transit-vault.md: generate a root token with the operators' shares",
        )
    client = cluster.vault(cluster.support, root)
    client.ensure_audit("file", "file", {"file_path": "/var/log/vault/audit.log"})
    client.ensure_mount("transit", "transit")
    client.ensure_transit_key("autounseal")
    client.ensure_policy("autounseal", policies.VAULT_AUTOUNSEAL)
    client.ensure_token(_token(cluster), policies=["autounseal"], period=PERIOD, display_name="autounseal")


def verify(cluster: Cluster) -> None:
    if not check(cluster):
        raise StepFailed("The seal token cannot encrypt.", node=cluster.support.id, cure="run the same command again")
