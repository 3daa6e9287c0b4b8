# The artifact store is not served any more; its files stay, other sites of this nginx too.
The artifact store is not served:
  unit.dead:
    - name: nginx

Nothing of ours is left of nginx:
  file.absent:
    - names:
      - /etc/nginx/conf.d/saltern-artifacts.conf
      - /etc/systemd/system/nginx.service.d/saltern.conf
    - require:
      - unit: The artifact store is not served

No key or certificate of the artifact store is left:
  node_cert.absent:
    - application: support
    - require:
      - unit: The artifact store is not served
