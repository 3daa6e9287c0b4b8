# The HTTP door of the certificate authority. Its signing core runs since support/install: the first certificate of this
# node is signed by it, so no state could start it.
include:
  - base.firewall
  - base.certificates

The door's unit is there:
  file.managed:
    - name: /etc/systemd/system/saltern-ca-http.service
    - source: salt://ca/files/saltern-ca-http.service.jinja
    - template: jinja
    - mode: '0644'

The door of the certificate authority is open:
  unit.running:
    - name: saltern-ca-http
    - require:
      - zone_firewall: Only the declared ports are open
    - watch:
      - file: The door's unit is there
      - node_cert: This node's certificates are current
