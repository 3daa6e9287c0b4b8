# One of the cluster's Vaults: state in Consul, reached through this node's own agent.
# With seal `transit` the support server's Vault unseals it, with `shamir` the operators do.
include:
  - vault.running
