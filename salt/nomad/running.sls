# Nomad runs once the bootstrap has reached it. Its start is not waited for: a server is ready only with its peers.
include:
  - base.firewall
  - nomad.configured
{%- if pillar.saltern.services.nomad %}

Nomad takes renewed certificates without a restart:
  unit.reloaded:
    - name: nomad
    - onchanges:
      - node_cert: This node's certificates are current

Nomad runs:
  unit.running:
    - name: nomad
    - require:
      - zone_firewall: Only the declared ports are open
      - unit: Nomad takes renewed certificates without a restart
    - watch:
      - artifact: Nomad's binary is installed
      - file: Nomad is configured
      - file: Nomad's unit is there
{%- endif %}
