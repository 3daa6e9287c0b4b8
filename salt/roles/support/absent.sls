# Takes the artifact store, the authority's door for clients and the transit Vault's service away.
# The transit Vault's data stays: without it no Vault of the cluster can be unsealed any more.
include:
  - nginx.absent
  - ca.absent
  - vault.absent
