# Consul with its configuration, keys and data; names go to the former name servers again.
# The system user stays, so that its uid is never given to somebody else.
Consul does not run:
  unit.absent:
    - name: consul

Names are resolved without Consul:
  file.managed:
    - name: /etc/resolv.conf
    - contents: {{ salt["resolver.former"]() | tojson }}
    - follow_symlinks: False
    - mode: '0644'

Nothing of Consul is left:
  file.absent:
    - names:
      - /etc/consul.d
      - /opt/consul
    - require:
      - unit: Consul does not run

No key or certificate of Consul is left:
  node_cert.absent:
    - application: consul
    - require:
      - unit: Consul does not run

Consul's binaries are gone:
  artifact.absent:
    - name: consul
    - require:
      - unit: Consul does not run
