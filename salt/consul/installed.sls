# Consul's binary, by version side by side; /opt/saltern/bin/consul is the one in use.
Consul's binary is installed:
  artifact.installed:
    - name: consul
