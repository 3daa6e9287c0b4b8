# Takes Consul away with its share of the data; take the server out of the quorum first.
# If the node stays in the cluster, its next highstate makes it a Consul client.
include:
  - consul.absent
