# Which states a node gets.
#
# Grains pick states and nothing more: a node claims its own role, zone and node_class, so no secret hangs on them.
# `base` begins by comparing them with the registry and stops the whole run on a difference.
# Zones differ only in values (network, node meta), which the pillar carries; node classes only where a line names one.
base:
{%- if "cluster" not in pillar.get("saltern", {}) %}
  # The registry does not know this node: it is told so and gets nothing.
  '*':
    - base.identity
{%- else %}
  # The artifact store serves the support server too, so it comes before everything that is fetched from it.
  'role:support':
    - match: grain
    - roles.support
  '*':
    - base
  'role:consul-server':
    - match: grain
    - roles.consul-server
  'role:vault':
    - match: grain
    - roles.vault
  'role:nomad-server':
    - match: grain
    - roles.nomad-server
  'role:nomad-client':
    - match: grain
    - roles.nomad-client
  'node_class:load-balancer':
    - match: grain
    - node_class.load-balancer
{%- endif %}
