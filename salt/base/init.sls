# What every node has, in this order: who it is, what it trusts, what may reach it, its Consul agent, names.
include:
  - base.identity
  - base.firewall
  - base.trust
  - base.certificates
  - base.renewal
  - consul.running
  - base.dns
