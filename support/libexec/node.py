"""What support/install needs of Saltern itself: the node `support` in configuration, key store and registry.

Usage: node.py master|minion|join ADDRESS ADDRESS6 (empty: find it)
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import salt.client
import salt.config

from saltern import definition, paths
from saltern.enrolment import EXPIRY
from saltern.errors import SalternError
from saltern.model import Definition, Group, LifeCycle, Node
from saltern.names import SUPPORT, keepers
from saltern.registry import Registry
from saltern_salt.enrolling import Enrolment
from saltern_salt.keys import KeyStore

ETC = "/etc/salt"
MINION_KEY = Path(ETC, "pki/minion/minion.pub")


def main(command: str, ipv4: str, ipv6: str) -> None:
    """Run one of the commands."""
    declared = definition.load(paths.DEFINITION)
    addresses = _addresses(declared, {4: ipv4, 6: ipv6})
    if command == "master":
        print(_master(addresses))
    elif command == "minion":
        print(_minion(_group(declared)))
    elif command == "join":
        _accept()
        _register(declared, addresses)
        _wait_for_answer()
    else:
        raise SalternError(f"unknown command {command}", cure=str(__doc__))


def _addresses(declared: Definition, given: dict[int, str]) -> dict[int, str]:
    """One address of each family that the definition names."""
    found = {}
    for family in (int(name.removeprefix("ipv")) for name in declared.address_families):
        address = given[family] or _primary(family)
        option = "--address" if family == 4 else "--address6"
        try:
            known = ip_address(address)
        except ValueError:
            what = f"this machine has no IPv{family} address" if not address else f"{address} is no address"
            raise SalternError(what, cure=f"give one with {option}, or change cluster.address_families.") from None
        networks = declared.zones[_group(declared).zone].networks
        if known.version != family or not any(known in network for network in networks):
            own = ", ".join(str(network) for network in networks if network.version == family)
            what = f"{address} lies in no IPv{family} network of the zone {_group(declared).zone} ({own})"
            raise SalternError(what, cure=f"give another one with {option}, or change the zone's networks.")
        found[family] = str(known)
    return found


def _primary(family: int) -> str:
    """The global address of the interface that has the default route."""
    routes = _ip(f"-{family}", "route", "show", "default")
    device = routes[0].get("dev", "") if routes else ""
    links = _ip(f"-{family}", "address", "show", "scope", "global", *(["dev", device] if device else []))
    entries = [entry for link in links for entry in link.get("addr_info", []) if entry.get("local")]
    lasting = [entry for entry in entries if not entry.get("temporary") and not entry.get("deprecated")]
    return str(lasting[0]["local"]) if lasting else ""


def _ip(*arguments: str) -> list[dict[str, Any]]:
    output = subprocess.run(["ip", "-json", *arguments], capture_output=True, text=True, check=False).stdout
    return list(json.loads(output or "[]"))


def _group(declared: Definition) -> Group:
    groups = declared.groups_with("support")
    if len(groups) != 1:
        raise SalternError("the definition needs exactly one group with the role support", cure="see pillar/cluster/.")
    return groups[0]


def _master(addresses: dict[int, str]) -> str:
    """``master.d/node.conf``: a socket of IPv6 takes IPv4 too."""
    options = {"interface": "::", "ipv6": True} if 6 in addresses else {"interface": "0.0.0.0"}  # noqa: S104
    return json.dumps(options, indent=2)


def _minion(group: Group) -> str:
    """``minion.d/saltern.conf`` of the support server itself. JSON is YAML."""
    keys = KeyStore({"conf_file": f"{ETC}/master"})
    options = {
        "id": SUPPORT,
        "master": "127.0.0.1",
        "master_finger": keys.master_fingerprint(),
        "grains": {"role": list(group.role), "zone": group.zone, "node_class": group.node_class},
    }
    return json.dumps(options, indent=2)


def _accept() -> None:
    """Accepts this machine's own key: the one that lies in its own file system, and no other."""
    keys = KeyStore({"conf_file": f"{ETC}/master"})
    enrolment = Enrolment(keys, SUPPORT, _own_key, EXPIRY)
    if enrolment.is_accepted():
        return
    print(f"support/install: accepted this server's own key {enrolment.run()}")


def _own_key() -> str:
    return MINION_KEY.read_text(encoding="ascii") if MINION_KEY.exists() else ""


def _register(declared: Definition, addresses: dict[int, str]) -> None:
    """The registry's record of the support server: made, or brought up to date."""
    registry, group = Registry(), _group(declared)
    fields: dict[str, Any] = {
        "group": group.name,
        "role": group.role,
        "zone": group.zone,
        "node_class": group.node_class,
        "ipv4": addresses.get(4, ""),
        "ipv6": addresses.get(6, ""),
        "keepers": keepers(declared, group),
    }
    known = {node.id: node for node in registry.nodes()}.get(SUPPORT)
    if known is None:
        registry.add(Node(id=SUPPORT, state=LifeCycle.ACCEPTED, **fields))
        print("support/install: registered the node support")
    elif any(getattr(known, name) != value for name, value in fields.items()):
        registry.update(SUPPORT, **fields)
        print("support/install: brought the registry's record of support up to date")


def _wait_for_answer() -> None:
    """Until the minion answers the master."""
    deadline = time.monotonic() + EXPIRY
    impatient = {**salt.config.client_config(f"{ETC}/master"), "timeout": 2, "gather_job_timeout": 2}
    with salt.client.get_local_client(mopts=impatient) as client:
        # Only True is an answer: where none came, Salt may put a text in its place.
        while client.cmd([SUPPORT], "test.ping", tgt_type="list").get(SUPPORT) is not True:
            if time.monotonic() > deadline:
                raise SalternError("the minion's key is accepted, but it does not answer", node=SUPPORT)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:4])
    except SalternError as error:
        sys.exit(f"support/install: {error}")
