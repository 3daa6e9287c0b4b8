"""The policies and the tokens of every agent and service, with the ids that their configurations already hold."""

from saltern.bootstrap import policies
from saltern.bootstrap.cluster import Cluster
from saltern.errors import StepFailed

TITLE = "Consul has its policies and tokens"
NEEDS = ("consul-acl",)


def _missing(cluster: Cluster) -> list[str]:
    client = cluster.consul()
    missing = []
    for name, rules in policies.CONSUL.items():
        policy = client.policy(name)
        if policy is None or policy["Rules"].strip() != rules.strip():
            missing.append(f"policy {name}")
    known = {token["AccessorID"] for token in client.tokens()}
    wanted = policies.consul_tokens(cluster)
    return missing + [f"token {token.description}" for token in wanted if token.accessor not in known]


def check(cluster: Cluster) -> bool:
    return not _missing(cluster)


def apply(cluster: Cluster) -> None:
    client = cluster.consul()
    for name, rules in policies.CONSUL.items():
        client.ensure_policy(name, rules, "Saltern")
    for token in policies.consul_tokens(cluster):
        client.ensure_token(
            cluster.secret(token.secret),
            token.description,
            policies=token.policies,
            node_identity=(token.node, cluster.definition.datacenter) if token.node else None,
            templated=token.templated,
            accessor_id=token.accessor,
        )


def verify(cluster: Cluster) -> None:
    if missing := _missing(cluster):
        raise StepFailed(f"Consul lacks {', '.join(missing)}.", cure="run the same command again")
