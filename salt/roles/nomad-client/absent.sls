# Takes Nomad and our Docker configuration away, with what jobs left on this node.
# Drain the node first (`nomad node drain -enable`).
include:
  - nomad.absent
  - docker.absent
