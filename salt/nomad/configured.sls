# A server runs as its own user; a client needs root (files/nomad-client.service says why).
{%- set kind = "client" if "nomad-client" in pillar.saltern.node.role else "server" %}
{%- set user = "root" if kind == "client" else "nomad" %}
include:
  - base.certificates
  - nomad.installed

Nomad's directories exist:
  file.directory:
    - names:
      - /etc/nomad.d:
        - user: root
        - mode: '0750'
      - /opt/nomad:
        - user: {{ user }}
        # Tasks reach their own directory through it and list nothing.
        - mode: '0711'
    - group: {{ user }}
    - require:
      - sls: base.certificates

Nomad is configured:
  file.managed:
    - name: /etc/nomad.d/nomad.hcl
    - source: salt://nomad/files/nomad.hcl.jinja
    - template: jinja
    - user: root
    - group: {{ user }}
    - mode: '0640'
    - show_changes: False
    - require:
      - file: Nomad's directories exist

Nomad's unit is there:
  file.managed:
    - name: /etc/systemd/system/nomad.service
    - source: salt://nomad/files/nomad-{{ kind }}.service
    - mode: '0644'
