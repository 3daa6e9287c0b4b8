"""The token by which status and prove look at Nomad, and the one by which Vault gives out others."""

from collections.abc import Sequence

from saltern.bootstrap import policies
from saltern.bootstrap.cluster import LEASE, Cluster, root_pem
from saltern.bootstrap.policies import MASTER_ROLE
from saltern.clients.nomad import Nomad
from saltern.errors import ServiceRefused
from saltern.waiting import until

TITLE = "Nomad has its policies and tokens, and Vault gives out more"
NEEDS = ("nomad-acl", "vault-configured", "consul-agents")
STATUS = "saltern-status"  # token and policy
ENGINE = "vault nomad engine"


def check(cluster: Cluster) -> bool:
    reading = cluster.journal.secret("nomad_status_token")
    if not reading or cluster.nomad(reading).token_self() is None:
        return False
    try:
        return bool(cluster.lease("nomad"))
    except ServiceRefused:
        return False


def apply(cluster: Cluster) -> None:
    client = cluster.nomad()
    client.ensure_policy(STATUS, policies.NOMAD_STATUS, "Reads what status and prove show")
    reading = _replace(client, STATUS, "client", [STATUS])
    cluster.journal.put_secret("nomad_status_token", reading)
    vault = cluster.active_vault(cluster.vault_root("Vault gives out no Nomad tokens"))
    vault.write(
        "nomad/config/access",
        address="https://nomad.service.consul:4646",
        token=_replace(client, ENGINE, "management"),
        ca_cert=root_pem("nomad"),
    )
    vault.ensure("nomad/config/lease", ttl=LEASE, max_ttl=2 * LEASE)
    vault.ensure(f"nomad/role/{MASTER_ROLE}", type="management")


def _replace(client: Nomad, name: str, kind: str, policy_names: Sequence[str] = ()) -> str:
    """A new token; those of the same name, whose secrets a killed run may have lost, are deleted."""
    for token in client.tokens():
        if token["Name"] == name:
            client.delete_token(token["AccessorID"])
    return str(client.create_token(name, kind, policy_names)["SecretID"])


def verify(cluster: Cluster) -> None:
    """Vault finds Nomad by Consul's DNS, where Nomad's servers may be missing for some seconds yet."""
    until(
        lambda: check(cluster),
        "Nomad's status token and Vault's Nomad engine to work",
        seconds=60,
        cure="is nomad.service.consul in Consul's DNS? then run the same command again",
    )
