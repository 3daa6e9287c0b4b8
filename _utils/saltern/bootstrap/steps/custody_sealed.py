"""What nobody could replace is sealed to the operators: Consul's and Nomad's bootstrap secrets before anything accepts
them, and the key that opens the roots of the certificate authority, which otherwise only this machine can unseal.
"""

from saltern import custody, paths
from saltern.bootstrap.cluster import Cluster
from saltern.clients import machine_key, pgp

TITLE = "The bootstrap secrets are sealed to the operators"
NEEDS = ("secrets-generated",)
CA_UNLOCK = "ca-unlock"
SEALED = {"consul-bootstrap": "consul_bootstrap", "nomad-bootstrap": "nomad_bootstrap"}


def _open_ones(cluster: Cluster) -> dict[str, str]:
    """The secrets that still exist; a revoked one needs no custody, nor a key that is the operators' already."""
    found = {name: cluster.journal.secret(secret) for name, secret in SEALED.items()}
    found[CA_UNLOCK] = machine_key.credential(paths.CA_UNLOCK)
    return {name: value for name, value in found.items() if value}


def check(cluster: Cluster) -> bool:
    operators = tuple(sorted(cluster.definition.custody.operators))
    return all(cluster.custody.holders(name) == operators for name in _open_ones(cluster))


def apply(cluster: Cluster) -> None:
    declared = cluster.definition.custody
    for name, value in _open_ones(cluster).items():
        shares = custody.split(value, declared.threshold, declared.operators)
        keys = cluster.definition.operator_keys
        cluster.custody.put(name, {who: pgp.seal(share, keys[who], who) for who, share in shares.items()})


def verify(cluster: Cluster) -> None:
    for name in _open_ones(cluster):
        for operator in cluster.definition.custody.operators:
            cluster.custody.share(name, operator)
