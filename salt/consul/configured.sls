# Consul's final configuration, tokens and gossip key included, lies on disk before it first starts.
include:
  - base.certificates
  - consul.installed

Consul's directories exist:
  file.directory:
    - names:
      - /etc/consul.d:
        - user: root
        - mode: '0750'
      - /opt/consul:
        - user: consul
        - mode: '0700'
    - group: consul
    - require:
      - user: The system user consul exists

Consul is configured:
  file.managed:
    - name: /etc/consul.d/consul.hcl
    - source: salt://consul/files/consul.hcl.jinja
    - template: jinja
    - user: root
    - group: consul
    - mode: '0640'
    - show_changes: False
    - require:
      - file: Consul's directories exist

Consul's unit is there:
  file.managed:
    - name: /etc/systemd/system/consul.service
    - source: salt://consul/files/consul.service
    - mode: '0644'
