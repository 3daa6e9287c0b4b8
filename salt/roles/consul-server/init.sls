# A voter of Consul. Every node runs a Consul agent; the configuration makes this one a server.
# Its own line in top.sls keeps the role complete when it is applied alone.
include:
  - consul.running
