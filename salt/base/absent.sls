# The undo of base: after it nothing of Saltern's listens, resolves or filters on this node.
include:
  - consul.absent

This node does not renew certificates any more:
  unit.absent:
    - names:
      - saltern-node-cert.timer
      - saltern-node-cert.service

No firewall rule of Saltern's is left:
  zone_firewall.absent: []

This node does not trust the support server's root any more:
  file.absent:
    - name: /usr/local/share/ca-certificates/saltern-support.crt
  cmd.run:
    - name: update-ca-certificates --fresh
    - onchanges:
      - file: This node does not trust the support server's root any more
