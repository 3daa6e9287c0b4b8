# A voter of Nomad. It plans jobs and runs none.
# It holds no Docker and runs as its own user.
include:
  - nomad.running
