# Takes the Nomad server away with its share of the data.
# Take it out of the quorum first (`nomad operator raft remove-peer`).
include:
  - nomad.absent
