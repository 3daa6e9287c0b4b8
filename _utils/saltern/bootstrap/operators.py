"""Where the bootstrap needs the operators: it says so, waits, and goes on once enough shares were given."""

from __future__ import annotations

import json
from pathlib import Path

from saltern import paths
from saltern.bootstrap.cluster import Cluster
from saltern.clients.vault import Health, Vault
from saltern.errors import ServiceError, StepFailed
from saltern.model import Node
from saltern.waiting import until

PATIENCE = 24 * 3600.0  # seconds; operators are people


def sealed(cluster: Cluster, nodes: list[Node]) -> list[Node]:
    """Those of ``nodes`` whose Vault is initialised and sealed."""
    return [node for node in nodes if cluster.vault(node).health() is Health.SEALED]


def wait_for_unseal(cluster: Cluster, secret: str, nodes: list[Node]) -> None:
    """Return when every Vault on ``nodes`` is unsealed; say meanwhile who is needed for what."""
    if _unsealed(cluster, nodes):
        return
    declared = cluster.definition.custody
    cluster.say(
        f"waiting for {declared.threshold} of the operators {', '.join(declared.operators)}: each decrypts "
        f"{cluster.custody.directory}/{secret}/<name>.b64 (base64 -d | gpg -d) and gives the share to "
        "`salt-run cluster.unseal`"
    )
    with open(paths.AWAITING, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    try:
        until(
            lambda: _unsealed(cluster, nodes),
            "the operators' shares",
            seconds=PATIENCE,
            cure="give them by `salt-run cluster.unseal`, then run the same command again",
            interval=0.2,
        )
    finally:
        Path(paths.AWAITING).unlink(missing_ok=True)


def _unsealed(cluster: Cluster, nodes: list[Node]) -> bool:
    return all(cluster.vault(node).health().unsealed for node in nodes)


def unseal(cluster: Cluster, shares: list[str]) -> dict[str, str]:
    """Give the shares to every sealed Vault, the transit Vault first; what became of each node's Vault.

    :raises ServiceError: when nothing is sealed or a share is wrong.
    """
    transit = cluster.definition.seal == "transit"
    nodes = sealed(cluster, [cluster.support] if transit else cluster.having("vault"))
    if not nodes:
        raise ServiceError("No Vault waits for shares.", cure="salt-run cluster.status shows each Vault's seal")
    return {node.id: _unseal_one(cluster.vault(node), shares) for node in nodes}


def _unseal_one(client: Vault, shares: list[str]) -> str:
    for share in shares:
        if not client.unseal(share):
            return "unsealed"
    status = client.seal_status()
    return f"sealed: {status['progress']} of {status['t']} shares given"


def initialise(cluster: Cluster, node: Node, secret: str, *, recovery: bool) -> None:
    """Initialise the Vault on ``node``: its shares go to the operators, its root token into the journal.

    The one-shot answer is journalled whole before anything else: the shares are sealed to the operators already.
    """
    client = cluster.vault(node)
    until(client.is_reachable, "Vault to listen", seconds=60, cure=f"journalctl -u vault on {node.id}")
    if client.is_initialised():
        if kept := cluster.journal.fact(f"shares/{secret}"):  # an earlier run was killed before it handed them over
            cluster.custody.put(secret, json.loads(kept))
            return
        raise StepFailed(
            "This Vault was initialised before, but the journal has no root token of it.",
            node=node.id,
            cure="the answer to its initialisation was lost: docs/runbooks/vault-lost-answer.md",
        )
    holders = cluster.definition.custody
    keys = [cluster.definition.operator_keys[who] for who in holders.operators]
    made = client.initialise(len(keys), holders.threshold, keys, recovery=recovery)
    shares = dict(zip(holders.operators, made.shares, strict=True))
    root = "vault_root_token" if node.has("vault") else "transit_root_token"
    cluster.journal.put_secret(root, made.root_token, {f"shares/{secret}": json.dumps(shares)})
    cluster.custody.put(secret, shares)


def initialised(cluster: Cluster, node: Node, secret: str) -> bool:
    """Whether the Vault on ``node`` is initialised and its shares are in the operators' custody."""
    state = cluster.vault(node).health()
    return state not in (Health.UNREACHABLE, Health.UNINITIALISED) and bool(cluster.custody.holders(secret))
