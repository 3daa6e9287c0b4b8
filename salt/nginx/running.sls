# The artifact store is the first thing that runs: everything else is fetched from it.
include:
  - base.firewall
  - nginx.configured

nginx enters its sandbox:
  cmd.run:
    - name: systemctl daemon-reload && systemctl try-restart nginx.service
    - onchanges:
      - file: nginx runs in a sandbox

nginx serves the artifact store:
  unit.running:
    - name: nginx
    - wait: True
    - reload: True
    - require:
      - zone_firewall: Only the declared ports are open
      - cmd: nginx enters its sandbox
    - watch:
      - file: Debian's default site is off
      - file: The artifact store's site is there
      - node_cert: This node's certificates are current
