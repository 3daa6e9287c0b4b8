# Vault with its configuration and keys. What stays: the data below /opt/vault (on the support server it is the transit
# key that unseals the cluster), the audit log, and the system user that owns them.
Vault does not run:
  unit.absent:
    - name: vault

Nothing of Vault but its data and its audit log is left:
  file.absent:
    - names:
      - /etc/vault.d
    - require:
      - unit: Vault does not run

No key or certificate of Vault is left:
  node_cert.absent:
    - application: vault
    - require:
      - unit: Vault does not run

Vault's binaries are gone:
  artifact.absent:
    - name: vault
    - require:
      - unit: Vault does not run
