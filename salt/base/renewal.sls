# The node looks at its certificates by a timer of its own: neither the minion's daemon, a beacon nor an event is needed.
include:
  - base.certificates

The units of renewal are there:
  file.managed:
    - names:
      - /etc/systemd/system/saltern-node-cert.service:
        - source: salt://base/files/saltern-node-cert.service
      - /etc/systemd/system/saltern-node-cert.timer:
        - source: salt://base/files/saltern-node-cert.timer
    - mode: '0644'

This node renews its certificates by itself:
  unit.running:
    - name: saltern-node-cert.timer
    - wait: True
    - require:
      - node_cert: This node's certificates are current
    - watch:
      - file: The units of renewal are there
