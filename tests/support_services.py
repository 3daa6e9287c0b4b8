"""Real Consul, Vault and Nomad processes on addresses of the loopback network, each at its standard ports.

Every test run takes its own part of 127.0.0.0/8, so that runs beside each other do not meet.
"""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saltern.clients.consul import Consul
from saltern.clients.nomad import Nomad
from saltern.clients.vault import Vault
from saltern.waiting import until
from support_binaries import binary
from support_certificates import Leaf, Root

START_SECONDS = 60
STOP_SECONDS = 30
WITH_US = ("setpriv", "--pdeathsig", "KILL")  # a killed test run leaves no service behind
# A Nomad client leaves cgroups and its tasks' helpers behind on a machine: in namespaces of its own it cannot.
ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
ALONE += ("sh", "-c", 'umount --recursive /sys/fs/cgroup; exec "$@"', "sh")
ROOTS = ("consul", "vault", "nomad", "support")


def network() -> str:
    """The first three numbers of a network of loopback addresses of our own."""
    return f"127.{random.randint(16, 250)}.{random.randint(0, 255)}"  # noqa: S311 - not a secret


@dataclass
class Process:
    """A service's process and where it wrote."""

    name: str
    directory: Path
    command: list[str]
    ending: signal.Signals = signal.SIGTERM
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with (self.directory / "log").open("ab") as log:
            environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory)}
            self.running = subprocess.Popen(
                [*WITH_US, *self.command],
                cwd=self.directory,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self) -> None:
        """End it, the hard way when it does not end by itself."""
        if self.running is None:
            return
        self.running.send_signal(self.ending)
        try:
            self.running.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait(STOP_SECONDS)
        self.running = None

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for a condition, but not for a process that has ended."""

        def alive() -> Any:
            if self.running is None or self.running.poll() is not None:
                raise AssertionError(f"{self.name} ended: {self.log()[-3000:]}")
            return condition()

        until(alive, f"{what} ({self.name})", seconds=START_SECONDS)

    def log(self) -> str:
        """What it wrote."""
        return (self.directory / "log").read_text(errors="replace")


@dataclass
class Bench:
    """A place for services: roots, addresses, processes; ``close`` ends them all."""

    directory: Path
    net: str = field(default_factory=network)
    roots: dict[str, Root] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    gossip: str = field(default_factory=lambda: base64.b64encode(os.urandom(32)).decode())

    def __post_init__(self) -> None:
        self.roots = {name: Root(self.directory / "ssl" / name, name) for name in ROOTS}

    def address(self, number: int) -> str:
        """The address of node ``number``."""
        return f"{self.net}.{number}"

    def ca_file(self, root: str) -> str:
        """The file of a root."""
        return str(self.roots[root].ca_file)

    def close(self) -> None:
        """End every process, at once: nothing of them is needed any more."""
        for process in self.processes:
            process.ending = signal.SIGKILL
            process.stop()

    def leaf(self, root: str, number: int, names: list[str]) -> Leaf:
        """A certificate of node ``number`` as in a cluster: its address, loopback, localhost and ``names``."""
        return self.roots[root].leaf(f"{root}-{number}", [self.address(number), "127.0.0.1"], ["localhost", *names])

    def process(self, name: str, configuration: dict[str, Any], command: Callable[[Path], list[str]]) -> Process:
        """Write a configuration that only its owner can read, and start the service with it."""
        directory = self.directory / name
        (directory / "data").mkdir(parents=True)
        file = directory / "config.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({**configuration}))
        process = Process(name, directory, command(file))
        process.start()
        self.processes.append(process)
        return process

    def consul(self, number: int, *, servers: int = 1, server: bool = True, **more: Any) -> Process:
        """A Consul agent, TLS and ACL on, default deny; ``servers`` of them at the addresses from 1 on."""
        here = self.address(number)
        leaf = self.leaf("consul", number, ["server.dc1.consul" if server else "client.dc1.consul"])
        tls = {"ca_file": self.ca_file("consul"), "cert_file": str(leaf.certificate), "key_file": str(leaf.key)}
        configuration: dict[str, Any] = {
            "datacenter": "dc1",
            "node_name": f"node-{number}",
            "data_dir": str(self.directory / f"consul-{number}" / "data"),
            "bind_addr": here,
            "client_addr": here,
            "ports": {"http": -1, "https": 8501, "grpc": -1, "grpc_tls": 8503, "dns": -1, "serf_wan": -1},
            "retry_join": [self.address(one) for one in range(1, servers + 1)],
            "retry_interval": "1s",
            "encrypt": self.gossip,
            "disable_update_check": True,
            "tls": {
                "defaults": {**tls, "verify_incoming": True, "verify_outgoing": True},
                "internal_rpc": {"verify_server_hostname": True},
                "https": {"verify_incoming": False},
                "grpc": {"verify_incoming": False},
            },
            "acl": {"enabled": True, "default_policy": "deny", "enable_token_persistence": True, **more.pop("acl", {})},
            "performance": {"raft_multiplier": 1},
            "leave_on_terminate": False,
            **more,
        }
        if server:
            configuration |= {"server": True, "bootstrap_expect": servers}
        return self.process(
            f"consul-{number}", configuration, lambda file: [str(binary("consul")), "agent", f"-config-file={file}"]
        )

    def vault(self, number: int, storage: dict[str, Any], seal: dict[str, Any] | None = None) -> Process:
        """A Vault with TLS at its standard port."""
        here = self.address(number)
        names = [f"{label}vault.service.consul" for label in ("", "active.", "standby.")]
        leaf = self.leaf("vault", number, names)
        listener = {"address": f"{here}:8200", "cluster_address": f"{here}:8201"}
        listener |= {"tls_cert_file": str(leaf.certificate), "tls_key_file": str(leaf.key)}
        configuration: dict[str, Any] = {
            "storage": storage,
            "listener": {"tcp": listener},
            "api_addr": f"https://{here}:8200",
            "cluster_addr": f"https://{here}:8201",
            "disable_mlock": True,
            "ui": False,
        }
        if seal:
            configuration["seal"] = seal
        return self.process(
            f"vault-{number}", configuration, lambda file: [str(binary("vault")), "server", f"-config={file}"]
        )

    def nomad(self, number: int, *, server: bool, servers: int = 1, client: bool = False) -> Process:
        """A Nomad agent with TLS and ACL; its clients run tasks by ``raw_exec``: containers are the lab's business."""
        join = {"retry_join": [self.address(one) for one in range(1, servers + 1)], "retry_interval": "1s"}
        configuration = self._nomad_agent(number, server=server)
        if server:
            configuration["server"] = {"enabled": True, "bootstrap_expect": servers, "encrypt": self.gossip}
            configuration["server"] |= {"server_join": join, "raft_multiplier": 1}
        if client:
            options = {"fingerprint.denylist": "env_aws,env_azure,env_gce,env_digitalocean"}
            configuration["client"] = {
                "enabled": True,
                "server_join": join,
                "network_interface": "lo",
                "options": options,
            }
            configuration["plugin"] = [{"raw_exec": [{"config": [{"enabled": True}]}]}]
        alone = ALONE if client else ()
        process = self.process(
            f"nomad-{number}", configuration, lambda file: [*alone, str(binary("nomad")), "agent", f"-config={file}"]
        )
        if client:
            process.ending = signal.SIGKILL  # unshare takes no other; its namespace ends with it
        return process

    def _nomad_agent(self, number: int, *, server: bool) -> dict[str, Any]:
        here = self.address(number)
        leaf = self.leaf("nomad", number, ["server.global.nomad" if server else "client.global.nomad"])
        tls = {"ca_file": self.ca_file("nomad"), "cert_file": str(leaf.certificate), "key_file": str(leaf.key)}
        return {
            "datacenter": "dc1",
            "region": "global",
            "name": f"node-{number}",
            "data_dir": str(self.directory / f"nomad-{number}" / "data"),
            "bind_addr": here,
            "advertise": {"http": here, "rpc": here, "serf": here},
            "disable_update_check": True,
            "leave_on_terminate": False,
            "acl": {"enabled": True},
            "tls": {**tls, "http": True, "rpc": True, "verify_server_hostname": True, "verify_https_client": False},
        }

    # Clients

    def consul_client(self, number: int, token: str = "") -> Consul:
        """A client of the Consul agent of node ``number``."""
        return Consul(self.address(number), self.ca_file("consul"), token, node=f"node-{number}")

    def vault_client(self, number: int, token: str = "") -> Vault:
        """A client of the Vault of node ``number``."""
        return Vault(self.address(number), self.ca_file("vault"), token, node=f"node-{number}")

    def nomad_client(self, number: int, token: str = "") -> Nomad:
        """A client of the Nomad agent of node ``number``."""
        return Nomad(self.address(number), self.ca_file("nomad"), token, node=f"node-{number}")
