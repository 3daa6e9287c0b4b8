# The support server: serves artifacts to all nodes, certificates to clients outside Salt and, with seal `transit`, runs the Vault that unseals the others.
# Its Salt master is set up by support/install, before any state can run.
include:
  - nginx.running
  - ca.running
{%- if pillar.saltern.cluster.seal == "transit" %}
  - vault.running
{%- endif %}
