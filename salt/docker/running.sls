# Docker belongs to nobody's bootstrap: it runs as soon as it is configured, behind the firewall.
{%- set pause = pillar.saltern.artifacts.pause %}
include:
  - base.firewall
  - docker.configured

Published ports are filtered:
  unit.running:
    - name: saltern-published-ports
    - wait: True
    - reload: True
    - watch:
      - file: Published ports have their own filter
      - file: The filter of published ports has a unit

Docker runs:
  unit.running:
    - name: docker
    - wait: True
    - require:
      - zone_firewall: Only the declared ports are open
      - unit: Published ports are filtered
    - watch:
      - file: Docker is hardened

Containers end before the node does:
  unit.running:
    - name: saltern-containers
    - wait: True
    - require:
      - file: Containers end before the node does, by a unit
      - unit: Docker runs

The pause image's file is here:
  artifact.installed:
    - name: pause

The pause image of bridge networks is loaded:
  container_image.loaded:
    - name: {{ pause.get("image", "saltern/pause") }}
    - archive: /opt/saltern/pause/{{ pause.version }}/{{ pause.files | first }}
    - require:
      - unit: Docker runs
      - artifact: The pause image's file is here
