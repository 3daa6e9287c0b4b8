# Containers keep running without the daemon, gain no privilege, fill no disk with logs and do not see each other.
# Not userns-remap: a task could not read the secrets that Nomad, as root, puts into its directory.
include:
  - docker.installed

Docker is hardened:
  file.managed:
    - name: /etc/docker/daemon.json
    - source: salt://docker/files/daemon.json
    - makedirs: True
    - mode: '0644'
    - require:
      - sls: docker.installed

Published ports have their own filter:
  file.managed:
    - name: /etc/saltern/published-ports.nft
    - source: salt://docker/files/published-ports.nft.jinja
    - template: jinja
    - makedirs: True
    - mode: '0644'

The filter of published ports has a unit:
  file.managed:
    - name: /etc/systemd/system/saltern-published-ports.service
    - source: salt://docker/files/saltern-published-ports.service
    - mode: '0644'

Containers end before the node does, by a unit:
  file.managed:
    - name: /etc/systemd/system/saltern-containers.service
    - source: salt://docker/files/saltern-containers.service
    - mode: '0644'
