# Before any service starts: default drop, and the ports that docs/reference/ports.md declares for this node.
include:
  - base.identity

Only the declared ports are open:
  zone_firewall.managed:
    - desired: {{ pillar.saltern.firewall | tojson }}
