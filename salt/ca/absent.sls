# Shuts the door for clients outside Salt. The signing core, its keys and its inventory stay: they are the cluster's.
The door of the certificate authority is shut:
  unit.absent:
    - name: saltern-ca-http

No key or certificate of the door is left:
  node_cert.absent:
    - application: ca
    - require:
      - unit: The door of the certificate authority is shut
