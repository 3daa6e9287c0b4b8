# Vault's binary, by version side by side; /opt/saltern/bin/vault is the one in use.
Vault's binary is installed:
  artifact.installed:
    - name: vault
