"""Who may do what in Consul, Vault and Nomad: the least that was found to work, as text and data.

Sources: HashiCorp's `nomad setup consul` and `nomad setup vault` (1.11.1) without their wide reads (all of Consul's
keys, which hold Vault's storage, and the names of other namespaces' secrets); the hand-made bootstrap for the rest.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saltern.prove.view import CANARY_SECRET

if TYPE_CHECKING:
    from saltern.bootstrap.cluster import Cluster
    from saltern.model import Node

MASTER_ROLE = "saltern-master"  # the AppRole, the policy, the roles of Vault's Consul and Nomad engines of the master
WORKLOADS = "nomad-workloads"  # Consul's auth method and Vault's role for Nomad's jobs
JWT_PATH = "jwt-nomad"  # Vault's auth method for Nomad's jobs
TASKS_ROLE = "nomad-default-tasks"
JWKS_URL = "https://nomad.service.consul:4646/.well-known/jwks.json"  # any Nomad server that is healthy answers
PLATFORM = ("consul", "nomad", "vault")  # services that no worker and no job may register: others find them by name

CONSUL = {
    "vault-storage": """\
key_prefix "vault/" { policy = "write" }
service "vault" { policy = "write" }
agent_prefix "" { policy = "read" }
session_prefix "" { policy = "write" }
""",
    "nomad-server": """\
agent_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
service "nomad" { policy = "write" }
""",
    # Narrower service rights leave stopped jobs in the catalog as passing: seen with Nomad 1.11.1. The platform's own
    # names are not among them: the exact rule wins over the prefix.
    "nomad-client": """\
agent_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
service_prefix "" { policy = "write" }
"""
    + "".join(f'service "{name}" {{ policy = "read" }}\n' for name in PLATFORM),
    "nomad-tasks": """\
node_prefix "" { policy = "read" }
service_prefix "" { policy = "read" }
""",
    # What status and prove need while Vault is sealed. `acl = "read"` shows tokens without their secrets.
    "saltern-status": """\
acl = "read"
operator = "read"
agent_prefix "" { policy = "read" }
node_prefix "" { policy = "read" }
service_prefix "" { policy = "read" }
""",
}

NOMAD_STATUS = """\
namespace "*" { policy = "read" }
node { policy = "read" }
agent { policy = "read" }
operator { policy = "read" }
"""

SEAL_KEY = "autounseal"  # the transit Vault's key and the policy of the token that may use it
VAULT_AUTOUNSEAL = f"""\
path "transit/encrypt/{SEAL_KEY}" {{ capabilities = ["update"] }}
path "transit/decrypt/{SEAL_KEY}" {{ capabilities = ["update"] }}
"""
VAULT_AUDIT = {"file_path": "/var/log/vault/audit.log"}

ACCESSORS = uuid.UUID("6f3c1f7e-6a53-4c0e-9d0a-2f5c58a3b1d4")  # namespace of the accessor ids, which are no secrets


def one_agent(node: str) -> str:
    """The right to change the agent of one node."""
    return f'agent "{node}" {{ policy = "write" }}\n'


@dataclass(frozen=True)
class ConsulToken:
    """A Consul token with a secret chosen beforehand; its description is its name."""

    secret: str  # its name in the journal
    description: str
    policies: tuple[str, ...] = ()
    node: str = ""  # of a node identity
    templated: tuple[str, ...] = ()

    @property
    def accessor(self) -> str:
        """The same for the same token in every run, so that a repeated run finds it again."""
        return str(uuid.uuid5(ACCESSORS, self.description))


def agent_token(node: str) -> ConsulToken:
    """The token of one node's agent."""
    return ConsulToken(f"consul_agent_token/{node}", f"agent {node}", node=node)


def consul_tokens(cluster: Cluster) -> list[ConsulToken]:
    """Every token of Consul that the platform itself uses."""
    return [
        *(agent_token(node.id) for node in cluster.nodes),
        ConsulToken("consul_dns_token", "dns", templated=("builtin/dns",)),
        ConsulToken("vault_storage_token", "vault storage", ("vault-storage",)),
        ConsulToken("nomad_server_consul_token", "nomad servers", ("nomad-server",)),
        ConsulToken("nomad_client_consul_token", "nomad clients", ("nomad-client",)),
        ConsulToken("consul_status_token", "saltern status", ("saltern-status",)),
        ConsulToken("vault_engine_consul_token", "vault consul engine", ("global-management",)),
    ]


def consul_auth_method(nomad_root: str) -> dict[str, Any]:
    """Consul's trust in the identities that Nomad gives its workloads."""
    claims = ("consul_namespace", "nomad_namespace", "nomad_job_id", "nomad_task", "nomad_service")
    config = {
        "JWKSURL": JWKS_URL,
        "JWKSCACert": nomad_root,
        "JWTSupportedAlgs": ["RS256"],
        "BoundAudiences": ["consul.io"],
        "ClaimMappings": {claim: claim for claim in claims},
    }
    return {"Name": WORKLOADS, "Type": "jwt", "Description": "Nomad's workloads", "Config": config}


# A service may register itself under its own name, unless the name is the platform's; a task may look services up.
CONSUL_BINDING_RULES = (
    {
        "AuthMethod": WORKLOADS,
        "BindType": "service",
        "BindName": "${value.nomad_service}",
        "Selector": " and ".join(
            ['"nomad_service" in value', *(f'value.nomad_service != "{one}"' for one in PLATFORM)]
        ),
    },
    {
        "AuthMethod": WORKLOADS,
        "BindType": "role",
        "BindName": "nomad-${value.nomad_namespace}-tasks",
        "Selector": '"nomad_service" not in value',
    },
)


def vault_workloads(accessor: str) -> str:
    """A job reads its own secrets (``secret/<namespace>/<job>``) and lists the names in its namespace."""
    metadata = f"identity.entity.aliases.{accessor}.metadata"
    namespace, job = f"{{{{{metadata}.nomad_namespace}}}}", f"{{{{{metadata}.nomad_job_id}}}}"
    return f"""\
path "secret/data/{namespace}/{job}/*" {{ capabilities = ["read"] }}
path "secret/data/{namespace}/{job}" {{ capabilities = ["read"] }}
path "secret/metadata/{namespace}/*" {{ capabilities = ["list"] }}
"""


VAULT_WORKLOADS_ROLE = {
    "role_type": "jwt",
    "bound_audiences": ["vault.io"],
    # Region, namespace, job, group and task. By the job's name alone two namespaces would share one alias, and with it
    # the namespace of whoever logged in last: HashiCorp's own set-up lets a job read the other namespace's secrets so.
    "user_claim": "sub",
    "claim_mappings": {name: name for name in ("nomad_namespace", "nomad_job_id", "nomad_task")},
    "token_type": "service",
    "token_period": "30m",
    "token_policies": [WORKLOADS],
}

VAULT_MASTER = f"""\
# The master after the bootstrap: looks at Vault's set-up, takes short Consul and Nomad tokens, renews its own login.
path "sys/mounts" {{ capabilities = ["read"] }}
path "sys/auth" {{ capabilities = ["read"] }}
path "sys/audit" {{ capabilities = ["read", "sudo"] }}
path "sys/policies/acl" {{ capabilities = ["list"] }}
path "sys/policies/acl/*" {{ capabilities = ["read"] }}
path "auth/{JWT_PATH}/config" {{ capabilities = ["read"] }}
path "auth/{JWT_PATH}/role/{WORKLOADS}" {{ capabilities = ["read"] }}
path "auth/approle/role/{MASTER_ROLE}/secret-id" {{ capabilities = ["update"] }}
path "consul/config/access" {{ capabilities = ["read"] }}
path "nomad/config/access" {{ capabilities = ["read"] }}
path "consul/creds/{MASTER_ROLE}" {{ capabilities = ["read"] }}
path "nomad/creds/{MASTER_ROLE}" {{ capabilities = ["read"] }}
path "secret/data/{CANARY_SECRET}" {{ capabilities = ["create", "update", "read"] }}
"""


def vault_approle(support: Node) -> dict[str, Any]:
    """The master's login: only from the support server's own addresses, for minutes at a time."""
    cidrs = [f"{address}/{32 if ':' not in address else 128}" for address in support.addresses]
    return {
        "token_policies": [MASTER_ROLE],
        "token_ttl": "15m",
        "token_max_ttl": "30m",
        "secret_id_bound_cidrs": cidrs,
        "token_bound_cidrs": cidrs,
    }
