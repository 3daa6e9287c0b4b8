# Takes Vault away from this node; its data is Consul's and stays there.
# Step the node down first: a stopped standby is not noticed, a stopped active node costs a second.
include:
  - vault.absent
