"""What salt-cloud is told: one provider and a profile for each group, from the cluster definition. Pure."""

from __future__ import annotations

from typing import Any

import yaml

from saltern.enrolment import EXPIRY
from saltern.errors import SalternError
from saltern.model import Definition, Group
from saltern.paths import LAB_SOCKET

ALIAS = "saltern"  # the provider's name in profiles and in `salt-cloud -Q`
PROVIDER_FILE = "cloud.providers.d/saltern.conf"  # below /etc/salt
PROFILES_FILE = "cloud.profiles.d/saltern.conf"
_HEAD = "# Written by salt-run cluster.build from the cluster definition; change that, not this.\n"


def provider(definition: Definition) -> dict[str, Any]:
    """The content of ``cloud.providers.d/``.

    :raises SalternError: for a provider that this version has no driver for.
    """
    if definition.provider != "lab":
        what = f"there is no cloud driver for the provider {definition.provider}"
        raise SalternError(what, cure="set cluster.provider to lab.")
    return {ALIAS: {"driver": "lab", "socket": LAB_SOCKET, "enrolment_expiry": EXPIRY}}


def profiles(definition: Definition, master: str) -> dict[str, Any]:
    """The content of ``cloud.profiles.d/``: one profile a group, of the group's name; none for the support server.

    :param master: the address at which minions find the master.
    """
    wanted = (group for group in definition.groups.values() if "support" not in group.role)
    return {group.name: _profile(definition, group, master) for group in wanted}


def files(definition: Definition, master: str) -> dict[str, str]:
    """The configuration files by their paths below ``/etc/salt``."""
    contents = {PROVIDER_FILE: provider(definition), PROFILES_FILE: profiles(definition, master)}
    return {path: _HEAD + yaml.safe_dump(content, sort_keys=False) for path, content in contents.items()}


def _profile(definition: Definition, group: Group, master: str) -> dict[str, Any]:
    size, zone = definition.sizes[group.size], definition.zones[group.zone]
    families = {int(family.removeprefix("ipv")) for family in definition.address_families}
    minion: dict[str, Any] = {
        "master": master,
        "grains": {"role": list(group.role), "zone": group.zone, "node_class": group.node_class},
    }
    if families == {6}:
        minion["ipv6"] = True  # otherwise Salt asks for IPv4 sockets first
    return {
        "provider": ALIAS,
        "image": group.image,
        "size": size.name,
        "resources": {"cpus": size.cpus, "memory": size.memory, "disk": size.disk},  # bytes
        "networks": [str(network) for network in zone.networks if network.version in families],
        "deploy": False,  # the image brings Salt; the node makes its own key (_clouds/lab.py)
        "minion": minion,
    }
