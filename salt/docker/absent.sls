# Docker without our settings and our units; containers are ended, images and the package stay.
Containers are ended and their filter is gone:
  unit.absent:
    - names:
      - saltern-containers
      - saltern-published-ports

Docker does not run:
  unit.dead:
    - names:
      - docker.socket
      - docker
    - require:
      - unit: Containers are ended and their filter is gone

Nothing of ours is left of Docker:
  file.absent:
    - names:
      - /etc/docker/daemon.json
      - /etc/saltern/published-ports.nft
    - require:
      - unit: Docker does not run

The pause image's file is gone:
  artifact.absent:
    - name: pause
