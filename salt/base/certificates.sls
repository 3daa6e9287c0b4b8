# Keys are born here and belong to the user of the application, so the users come first.
include:
  - base.identity
{%- for user in pillar.saltern.certificates | map(attribute="user") | reject("equalto", "root") | unique %}

The system user {{ user }} exists:
  user.present:
    - name: {{ user }}
    - system: True
    - home: /opt/{{ user }}
    - createhome: False
    - shell: /usr/sbin/nologin
    - require_in:
      - node_cert: This node's certificates are current
{%- endfor %}

This node's certificates are current:
  node_cert.managed: []
