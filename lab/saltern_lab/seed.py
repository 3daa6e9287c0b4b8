"""What a node brings to its first boot beside the base image: its name, network, identity and minion configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from saltern.errors import LabError
from saltern_lab.settings import GATEWAYS, NETWORKS, SUPPORT, SUPPORT_ADDRESSES

Address = IPv4Address | IPv6Address
USERDATA_KEYS = ("grains", "master", "master_finger", "minion")


def check_userdata(userdata: object) -> dict[str, Any]:
    """Userdata as it came over the socket, or an error that names what is wrong."""
    if userdata is None:
        return {}
    if not isinstance(userdata, dict):
        raise LabError(f"userdata is {userdata!r}.", cure=f"Pass an object with {', '.join(USERDATA_KEYS)}.")
    unknown = sorted(set(userdata) - set(USERDATA_KEYS))
    if unknown:
        raise LabError(f"userdata has unknown keys: {', '.join(unknown)}.", cure=f"Known: {', '.join(USERDATA_KEYS)}.")
    for key, kind in (("grains", dict), ("minion", dict), ("master", str), ("master_finger", str)):
        if key in userdata and not isinstance(userdata[key], kind):
            raise LabError(f"userdata.{key} is {userdata[key]!r}.", cure=f"Pass a {kind.__name__}.")
    reserved = sorted({"id", "master", "master_finger", "grains"} & set(userdata.get("minion", {})))
    if reserved:
        raise LabError(f"userdata.minion sets {', '.join(reserved)}.", cure="Those have places of their own.")
    return userdata


def minion_configuration(name: str, userdata: Mapping[str, Any]) -> str:
    """``/etc/salt/minion.d/saltern.conf``. JSON is YAML, and quotes whatever needs it."""
    configuration = {
        "id": name,
        "master": userdata["master"],
        **({"master_finger": userdata["master_finger"]} if userdata.get("master_finger") else {}),
        "grains": userdata.get("grains", {}),
        **userdata.get("minion", {}),
    }
    return json.dumps(configuration, indent=2) + "\n"


def hosts(name: str, addresses: Mapping[int, Address]) -> str:
    """``/etc/hosts``: the node itself and the support server; everything else is found by DNS."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    if name != SUPPORT:
        lines += [f"{address} {name}" for address in addresses.values()]
    lines += [f"{SUPPORT_ADDRESSES[family]} {SUPPORT} salt" for family in addresses]
    return "\n".join(lines) + "\n"


def interface(addresses: Mapping[int, Address]) -> str:
    """The node's interface, for systemd-networkd."""
    lines = ["[Match]", "Name=host0", "[Network]", "DHCP=no", "LLMNR=no", "MulticastDNS=no", "IPv6AcceptRA=no"]
    lines += ["LinkLocalAddressing=ipv6", *(f"Gateway={GATEWAYS[family]}" for family in addresses)]
    for family, address in addresses.items():
        lines += ["[Address]", f"Address={address}/{NETWORKS[family].prefixlen}"]
        lines += ["DuplicateAddressDetection=none"] if family == 6 else []
    return "\n".join(lines) + "\n"


def write(
    root: Path, name: str, machine_id: str, addresses: Mapping[int, Address], userdata: Mapping[str, Any]
) -> None:
    """Write a node's own files below ``root``, the upper layer of its disk."""
    files = {
        "etc/hostname": f"{name}\n",
        "etc/machine-id": f"{machine_id}\n",
        "etc/hosts": hosts(name, addresses),
        "etc/systemd/network/10-host0.network": interface(addresses),
    }
    if userdata.get("master"):
        files["etc/salt/minion.d/saltern.conf"] = minion_configuration(name, userdata)
    for path, text in files.items():
        file = root / path
        for directory in reversed(file.relative_to(root).parents):
            (root / directory).mkdir(exist_ok=True)
            (root / directory).chmod(0o755)  # whatever the umask of the caller is
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)
