# Takes the artifact store and the transit Vault's service away.
# The transit Vault's data stays: without it no Vault of the cluster can be unsealed any more.
include:
  - nginx.absent
  - vault.absent
