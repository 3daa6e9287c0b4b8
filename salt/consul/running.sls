# Consul runs once the bootstrap has reached it. Its start is not waited for: a server is ready only with its peers.
include:
  - base.firewall
  - consul.configured
{%- if pillar.saltern.services.consul %}

Consul takes renewed certificates without a restart:
  unit.reloaded:
    - name: consul
    - onchanges:
      - node_cert: This node's certificates are current

Consul runs:
  unit.running:
    - name: consul
    - require:
      - zone_firewall: Only the declared ports are open
      - unit: Consul takes renewed certificates without a restart
    - watch:
      - artifact: Consul's binary is installed
      - file: Consul is configured
      - file: Consul's unit is there
{%- endif %}
