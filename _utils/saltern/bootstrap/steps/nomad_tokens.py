"""The token by which status and prove look at Nomad, and the one by which Vault gives out others."""

from collections.abc import Sequence
from pathlib import Path

from saltern.bootstrap import policies
from saltern.bootstrap.cluster import LEASE, MASTER_ROLE, Cluster, ca_file
from saltern.clients.nomad import Nomad
from saltern.errors import ServiceRefused, StepFailed
from saltern.waiting import until

TITLE = "Nomad has its policies and tokens, and Vault gives out more"
NEEDS = ("nomad-acl", "vault-configured", "consul-agents")
STATUS = "saltern-status"
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
    root = cluster.journal.secret("vault_root_token")
    if root is None:
        raise StepFailed(
            "Vault's Nomad engine is not configured, and Vault's root token was revoked.",
            cure="docs/runbooks/break-glass.md: generate a root token with the operators' recovery keys",
        )
    vault = cluster.active_vault(root)
    vault.write(
        "nomad/config/access",
        address="https://nomad.service.consul:4646",
        token=_replace(client, ENGINE, "management"),
        ca_cert=Path(ca_file("nomad")).read_text(encoding="ascii"),
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
