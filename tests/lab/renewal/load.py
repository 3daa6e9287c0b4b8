"""Runs on the support server: asks Consul, Vault and Nomad all the time until it is told to stop, and counts.

Usage: load.py STOP-FILE. Prints JSON: for each service ``asked``, ``failed`` (raw), ``lost`` (after the retries that
the services' own clients make: twice more, a second apart, at any server), ``errors``.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, "/srv/saltern/_utils")

import salt.config

from saltern.bootstrap.cluster import Cluster
from saltern.clients.consul import Consul
from saltern.clients.nomad import Nomad
from saltern.errors import ServiceError
from saltern_salt.session import open_cluster

TRIES, PAUSE = 3, 1.0


def ask(servers: list[Callable[[], object]], count: dict[str, object], stop: Path) -> None:
    """Ask one service, each time another server first."""
    turn = 0
    while not stop.exists():
        turn += 1
        count["asked"] = int(str(count["asked"])) + 1
        for attempt in range(TRIES):
            try:
                servers[(turn + attempt) % len(servers)]()
                break
            except ServiceError as error:
                count["failed"] = int(str(count["failed"])) + 1
                count["errors"] = [*list(count["errors"])[-4:], str(error)[:200]]  # type: ignore[call-overload]
                time.sleep(PAUSE)
        else:
            count["lost"] = int(str(count["lost"])) + 1
        time.sleep(0.1)


def services(cluster: Cluster) -> dict[str, list[Callable[[], object]]]:
    """A question to each server of each service; every client has connections of its own, opened anew each time."""
    view = cluster.view()
    token = cluster.vault_token(cluster.having("vault")[0])

    def consul(address: str) -> object:
        return Consul(address, view.ca_files["consul"], view.consul_token, 3.0).service_health("canary")

    def nomad(address: str) -> object:
        return Nomad(address, view.ca_files["nomad"], view.nomad_token, 3.0).nodes()

    return {
        "consul": [lambda a=node.address: consul(a) for node in cluster.having("consul-server")],
        "nomad": [lambda a=node.address: nomad(a) for node in cluster.having("nomad-server")],
        "vault": [
            lambda n=node: cluster.vault(n, token).endpoint.get("/v1/auth/token/lookup-self")
            for node in cluster.having("vault")
        ],
    }


def main(stop: Path) -> None:
    """Run until the file exists; a token outlives that by far."""
    with open_cluster(salt.config.master_config("/etc/salt/master")) as cluster:
        questions = services(cluster)
        counts: dict[str, dict[str, object]] = {
            name: {"asked": 0, "failed": 0, "lost": 0, "errors": []} for name in questions
        }
        threads = [threading.Thread(target=ask, args=(questions[name], counts[name], stop)) for name in questions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(json.dumps(counts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
