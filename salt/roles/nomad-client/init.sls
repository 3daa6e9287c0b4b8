# Runs jobs, in containers only: Docker and CNI below Nomad.
# node_class decides nothing here; the configuration hands it on so that jobs can ask for it.
include:
  - docker.running
  - nomad.running
