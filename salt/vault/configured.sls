# On the support server the transit Vault, with its own storage; elsewhere one of the cluster's, on Consul.
{%- set template = "transit" if "support" in pillar.saltern.node.role else "vault" %}
include:
  - base.certificates
  - vault.installed

Vault's directories exist:
  file.directory:
    - names:
      - /etc/vault.d:
        - user: root
        - mode: '0750'
      - /opt/vault:
        - user: vault
        - mode: '0700'
      - /var/log/vault:
        - user: vault
        - mode: '0700'
    - group: vault
    - require:
      - user: The system user vault exists

Vault is configured:
  file.managed:
    - name: /etc/vault.d/vault.hcl
    - source: salt://vault/files/{{ template }}.hcl.jinja
    - template: jinja
    - user: root
    - group: vault
    - mode: '0640'
    - show_changes: False
    - require:
      - file: Vault's directories exist

Vault's unit is there:
  file.managed:
    - name: /etc/systemd/system/vault.service
    - source: salt://vault/files/vault.service
    - mode: '0644'
