"""salt-cloud driver for the lab: nodes are systemd-nspawn machines of the host, made by the lab's daemon.

Provider::

    saltern:
      driver: lab
      socket: /run/saltern-lab/cloud.sock
      enrolment_expiry: 300    # seconds that a new node has to show its key

Profile (``salt-run cluster.build`` writes one for each group)::

    server:
      provider: saltern
      image: base
      size: small              # a name, for people; resources decide
      resources: {cpus: 2, memory: 629145600, disk: 8000000000}    # bytes
      networks: [10.99.0.0/25, 'fd5a:99::/80']
      deploy: False
      minion:
        master: 10.99.0.10
        grains: {role: [consul-server], zone: core, node_class: general}

A node makes its own Salt key. The master accepts it only when it is the one that the daemon reads from the node's
root file system, once, in time. A create that fails leaves neither node nor key.
Every function opens its own connection, returns plain dictionaries and raises only SaltCloudException (``-P``).
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

import salt.config
import salt.utils.cloud
from salt.exceptions import SaltCloudException

from saltern.clients.lab import LabCloud
from saltern.enrolment import EXPIRY
from saltern.errors import LabError, SalternError
from saltern_salt.cloud_calls import action_only, function_only, spares_siblings
from saltern_salt.enrolling import Enrolment
from saltern_salt.keys import KeyStore

log = logging.getLogger(__name__)

__virtualname__ = "lab"


def __virtual__() -> str | bool:
    """Loads where a provider with ``driver: lab`` is configured."""
    return __virtualname__ if get_configured_provider() else False


def get_configured_provider() -> Any:
    """The provider's configuration, or False when none is complete."""
    active = __active_provider_name__
    name = active.value() if hasattr(active, "value") else active
    return salt.config.is_provider_configured(__opts__, name or __virtualname__, ("socket",))


def _cloud() -> LabCloud:
    provider = get_configured_provider()
    if not provider:
        raise LabError("No provider with `driver: lab` and `socket` is configured.", cure="salt-run cluster.build")
    return LabCloud(str(provider["socket"]))


@spares_siblings
def avail_images(call: str | None = None) -> dict[str, Any]:
    """The images that nodes can be made from.

    CLI Example:

    .. code-block:: bash

        salt-cloud --list-images saltern

    Rights: root on the support server of a lab.
    """
    function_only(call, "avail_images")
    return {str(image["name"]): image for image in _cloud().images()}


@spares_siblings
def avail_sizes(call: str | None = None) -> dict[str, Any]:
    """The sizes that have a name in the lab; memory and disk in bytes. Profiles may ask for any other.

    CLI Example:

    .. code-block:: bash

        salt-cloud --list-sizes saltern

    Rights: root on the support server of a lab.
    """
    function_only(call, "avail_sizes")
    return {str(size["name"]): size for size in _cloud().sizes()}


def avail_locations(call: str | None = None) -> dict[str, Any]:
    """The one place there is: the host.

    CLI Example:

    .. code-block:: bash

        salt-cloud --list-locations saltern

    Rights: root on the support server of a lab.
    """
    function_only(call, "avail_locations")
    return {"host": {"name": "host", "description": "the machine that the lab runs on"}}


def list_nodes(call: str | None = None) -> dict[str, Any]:
    """Every node with what salt-cloud shows of any provider: id, image, size, state, addresses.

    CLI Example:

    .. code-block:: bash

        salt-cloud -Q

    Rights: root on the support server of a lab.
    """
    function_only(call, "list_nodes")
    wanted = ("id", "image", "size", "state", "private_ips", "public_ips")
    return {name: {key: node[key] for key in wanted} for name, node in list_nodes_full("function").items()}


@spares_siblings
def list_nodes_full(call: str | None = None) -> dict[str, Any]:
    """Every node with all that the daemon tells: also networks, memory and disk in use (bytes), uptime (seconds).

    CLI Example:

    .. code-block:: bash

        salt-cloud -F

    Rights: root on the support server of a lab.
    """
    function_only(call, "list_nodes_full")
    return {str(node["name"]): _plain(node) for node in _cloud().nodes()}


def list_nodes_select(call: str | None = None) -> dict[str, Any]:
    """Every node with the fields that ``query.selection`` names.

    CLI Example:

    .. code-block:: bash

        salt-cloud -S

    Rights: root on the support server of a lab.
    """
    selection = __opts__.get("query.selection") or ["id", "state"]
    return dict(salt.utils.cloud.list_nodes_select(list_nodes_full("function"), selection, call))


def list_nodes_min(call: str | None = None) -> dict[str, Any]:
    """The names of all nodes with their state, for quick existence checks.

    CLI Example:

    .. code-block:: bash

        salt-cloud -f list_nodes_min saltern

    Rights: root on the support server of a lab.
    """
    function_only(call, "list_nodes_min")
    return {name: {"id": node["id"], "state": node["state"]} for name, node in list_nodes_full("function").items()}


@spares_siblings
def show_instance(name: str, call: str | None = None) -> dict[str, Any]:
    """One node with all that the daemon tells.

    CLI Example:

    .. code-block:: bash

        salt-cloud -a show_instance server-4fk2q9

    Rights: root on the support server of a lab.

    :param name: the node's name.
    """
    action_only(call, "show_instance")
    return _plain(_cloud().node(name))


@spares_siblings
def create(vm_: dict[str, Any]) -> dict[str, Any]:
    """Make a node, wait for its key, prove it and accept it; undo all of it when any part fails.

    CLI Example:

    .. code-block:: bash

        salt-cloud -p server server-4fk2q9

    Rights: root on the support server of a lab.

    :param vm_: the profile as in the head of this file, with ``name``.
    :returns: the node, with ``fingerprint`` of the accepted key.
    :raises SaltCloudSystemExit: naming the cause; nothing is left then.
    """
    name, cloud, keys = str(vm_["name"]), _cloud(), KeyStore(__opts__)
    request = _request(vm_, keys.master_fingerprint())
    expiry = float(_setting(vm_, "enrolment_expiry", EXPIRY))
    enrolment = Enrolment(keys, name, lambda: cloud.minion_key(name), expiry)
    enrolment.refuse_known()
    _event("creating", name)
    node = cloud.create(name, **request)
    fingerprint = ""
    try:
        fingerprint = enrolment.run()
    finally:  # also when somebody interrupts it
        if not fingerprint:
            _undo(cloud, enrolment, name)
    _event("created", name)
    return {**_plain(node), "fingerprint": fingerprint, "deployed": True}


def _request(vm_: dict[str, Any], master_finger: str) -> dict[str, Any]:
    """What the daemon is asked for. Userdata is readable in the node: no secret."""
    minion = dict(_setting(vm_, "minion", {}))
    if not minion.get("master"):
        raise LabError("The profile names no master.", node=str(vm_["name"]), cure="set minion.master in the profile.")
    own = {name: minion.pop(name) for name in ("master", "grains") if name in minion}
    minion.pop("id", None)
    return {
        "image": str(_required(vm_, "image")),
        "size": dict(_required(vm_, "resources")),
        "networks": [str(network) for network in _required(vm_, "networks")],
        "userdata": {**own, "master_finger": master_finger, "minion": minion},
    }


def _undo(cloud: LabCloud, enrolment: Enrolment, name: str) -> None:
    """Removes the node, then its key: a minion that still lives would bring the key again."""
    cause = sys.exception()
    log.warning("Creating %s failed, removing it: %s", name, cause)
    try:
        _remove(cloud, enrolment, name)
    except SalternError as error:
        what = f"{cause} And the node could not be removed: {error}"
        raise LabError(what, cure=f"salt-cloud -d {name}") from cause
    _event("destroyed", name)


def _remove(cloud: LabCloud, enrolment: Enrolment, name: str) -> dict[str, Any]:
    try:
        with contextlib.suppress(LabError):  # a node that is down shows no key
            enrolment.look()
        return cloud.destroy(name)
    finally:
        enrolment.take_back()


@spares_siblings
def destroy(name: str, call: str | None = None) -> dict[str, Any]:
    """Remove a node, its disk and its key.

    CLI Example:

    .. code-block:: bash

        salt-cloud -d server-4fk2q9

    Rights: root on the support server of a lab.

    :param name: the node's name.
    """
    action_only(call, "destroy")
    if name == "support":
        raise LabError("The support server does not destroy itself.", node=name, cure="lab/down on the host.")
    cloud, keys = _cloud(), KeyStore(__opts__)
    _event("destroying", name)
    destroyed = _remove(cloud, Enrolment(keys, name, lambda: cloud.minion_key(name), 0), name)
    if keys.accepted(name) is not None:  # whatever was accepted for this node ends with it
        keys.delete(name)
    _event("destroyed", name)
    return _plain(destroyed)


def start(name: str, call: str | None = None) -> dict[str, Any]:
    """Boot a stopped node.

    CLI Example:

    .. code-block:: bash

        salt-cloud -a start server-4fk2q9

    Rights: root on the support server of a lab.

    :param name: the node's name.
    """
    return _act("start", name, call)


def stop(name: str, call: str | None = None) -> dict[str, Any]:
    """Shut a node down in order; its disk stays.

    CLI Example:

    .. code-block:: bash

        salt-cloud -a stop server-4fk2q9

    Rights: root on the support server of a lab.

    :param name: the node's name.
    """
    return _act("stop", name, call)


def reboot(name: str, call: str | None = None) -> dict[str, Any]:
    """Reboot a node.

    CLI Example:

    .. code-block:: bash

        salt-cloud -a reboot server-4fk2q9

    Rights: root on the support server of a lab.

    :param name: the node's name.
    """
    return _act("reboot", name, call)


@spares_siblings
def _act(method: str, name: str, call: str | None) -> dict[str, Any]:
    action_only(call, method)
    if name == "support":
        raise LabError(f"The support server does not {method} itself from here.", cure="use lab/ on the host.")
    return _plain(_cloud().act(method, name))


def _plain(node: dict[str, Any]) -> dict[str, Any]:
    """A node as salt-cloud wants it, with the daemon's own fields beside."""
    size = node.get("size") or {}
    addresses = [str(node[family]) for family in ("ipv4", "ipv6") if node.get(family)]
    return {
        **node,
        "id": str(node.get("id") or node["name"]),
        "size": _size_text(size) if isinstance(size, dict) else str(size),
        "private_ips": addresses,
        "public_ips": [],
        "state": str(node.get("state", "")),
        "image": str(node.get("image", "")),
    }


def _size_text(size: dict[str, Any]) -> str:
    return f"{size.get('cpus', 0)} CPU, {size.get('memory', 0) >> 20} MiB, {size.get('disk', 0) >> 20} MiB disk"


def _setting(vm_: dict[str, Any], name: str, default: Any = None) -> Any:
    return salt.config.get_cloud_config_value(name, vm_, __opts__, default=default, search_global=False)


def _required(vm_: dict[str, Any], name: str) -> Any:
    value = _setting(vm_, name)
    if not value:
        raise LabError(f"The profile sets no {name}.", node=str(vm_["name"]), cure="salt-run cluster.build writes it.")
    return value


def _event(what: str, name: str) -> None:
    """One of salt-cloud's usual events; it proves nothing and carries nothing but the name."""
    try:
        salt.utils.cloud.fire_event(
            "event", {"name": name}, f"salt/cloud/{name}/{what}", __opts__["sock_dir"], transport=__opts__["transport"]
        )
    except SaltCloudException as error:
        log.warning("The event %s of %s was not sent: %s", what, name, error)
