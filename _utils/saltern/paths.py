"""Where things lie on the support server and on nodes; named once, used everywhere."""

from __future__ import annotations

# The support server
REPOSITORY = "/srv/saltern"  # the checkout that the master serves
MANIFEST = REPOSITORY + "/artifacts/manifest.yaml"
DEFINITION = REPOSITORY + "/pillar/cluster"  # *.yaml and operators/*.asc
STATE = "/var/lib/saltern"  # 0700 root: everything below is the master's own
REGISTRY = STATE + "/registry.sqlite"
JOURNAL = STATE + "/journal.sqlite"
CUSTODY = STATE + "/custody"  # what is sealed to operators, one folder a secret
AWAITING = STATE + "/awaiting-operators"  # holds a secret's name while the bootstrap waits for its shares
MACHINE_KEY = STATE + "/machine-key.cred"  # sealed by systemd-creds
ARTIFACT_STORE = "/var/lib/saltern-artifacts"  # served by nginx, world-readable, no secret
ROOTS = REPOSITORY + "/pillar/pki/roots.yaml"  # the declared roots
PROFILES = REPOSITORY + "/pillar/pki/profiles.yaml"  # what certificates are for, and who may ask for them
CA_STATE = "/var/lib/saltern-ca"  # 0755: what is the authority's own
CA_ROOTS = CA_STATE + "/roots"  # <root>/trust.pem 0444 and <root>/current/{ca,intermediate}.pem with their keys 0400
CA_AUTH_KEYS = CA_STATE + "/auth-keys"  # 0700: <name> 0400, of clients outside Salt
CA_UNLOCK = "/etc/credstore.encrypted/saltern-ca-unlock"  # opens the roots' keys; sealed to this machine
CA_SOCKET = "/run/saltern-ca/core.sock"  # the core's door; the kernel tells it who asks
ISSUED = CA_STATE + "/inventory.sqlite"  # 0600: everything that was signed or revoked
MEMBERS = STATE + "/members.sqlite"  # what nodes asked for and reported
LAB_SOCKET = "/run/saltern-lab/cloud.sock"  # the lab's cloud, shown to the support node only

# Every node
SSL = "/etc/ssl"  # <application>/<certificate>.pem and -key.pem, <root>-ca.pem
ARTIFACTS = "/opt/saltern"  # <name>/<version>/…, links in bin/

# Whatever builds or fetches; SALTERN_CACHE names another place
CACHE = "/var/cache/saltern"
