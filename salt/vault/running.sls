# Vault runs once the bootstrap has reached it.
# A restart seals a Vault that operators unseal (the transit Vault, and all with seal `shamir`). Such a Vault only
# reloads here: certificates at once, everything else with its next start, which is the operators' to choose.
{%- set operators_unseal = "support" in pillar.saltern.node.role or pillar.saltern.cluster.seal == "shamir" %}
include:
  - base.firewall
  - vault.configured
{%- if pillar.saltern.services.vault %}

Vault takes renewed certificates without a restart:
  unit.reloaded:
    - name: vault
    - onchanges:
      - node_cert: This node's certificates are current

Vault runs:
  unit.running:
    - name: vault
    - reload: {{ operators_unseal }}
    - require:
      - zone_firewall: Only the declared ports are open
      - unit: Vault takes renewed certificates without a restart
    - watch:
      - artifact: Vault's binary is installed
      - file: Vault is configured
      - file: Vault's unit is there
{%- endif %}
