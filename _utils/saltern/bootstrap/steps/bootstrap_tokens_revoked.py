"""From here on nothing is root: every bootstrap token is revoked and its working copy destroyed."""

from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed

TITLE = "The bootstrap tokens are revoked"
NEEDS = ("master-access", "canary-runs")
SECRETS = ("consul_bootstrap", "nomad_bootstrap", "vault_root_token", "transit_root_token")


def check(cluster: Cluster) -> bool:
    return not any(cluster.journal.secret(name) for name in SECRETS)


def apply(cluster: Cluster) -> None:
    """Consul and Nomad by the tokens that took their place; Vault's two root tokens by themselves."""
    consul, nomad = cluster.lease("consul"), cluster.lease("nomad")
    if secret := cluster.journal.secret("consul_bootstrap"):
        if own := cluster.consul(secret).token_self():
            cluster.consul(consul).delete_token(own["AccessorID"])
        _forget(cluster, "consul_bootstrap", "consul-bootstrap")
    if secret := cluster.journal.secret("nomad_bootstrap"):
        if own := cluster.nomad(secret).token_self():
            cluster.nomad(nomad).delete_token(own["AccessorID"])
        _forget(cluster, "nomad_bootstrap", "nomad-bootstrap")
    if secret := cluster.journal.secret("transit_root_token"):
        client = cluster.vault(cluster.support, secret)
        if client.lookup_self():
            client.revoke_self()
        _forget(cluster, "transit_root_token")
    if secret := cluster.journal.secret("vault_root_token"):
        client = cluster.active_vault(secret)
        if client.lookup_self():
            client.revoke_self()
        _forget(cluster, "vault_root_token")


def _forget(cluster: Cluster, secret: str, sealed: str = "") -> None:
    cluster.journal.destroy_secret(secret)
    if sealed:
        cluster.custody.drop(sealed)
    cluster.forget_tokens()


def verify(cluster: Cluster) -> None:
    if not check(cluster):
        raise StepFailed("A bootstrap token still lives.", cure="run the same command again")
    if cluster.lease("consul") == "" or cluster.lease("nomad") == "":
        raise StepFailed("The master gets no tokens from Vault.", cure="salt-run cluster.status")
