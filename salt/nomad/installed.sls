# Nomad's binary, by version side by side; /opt/saltern/bin/nomad is the one in use.
Nomad's binary is installed:
  artifact.installed:
    - name: nomad
