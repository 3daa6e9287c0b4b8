"""The methods of the lab's cloud: what the daemon does for whoever speaks to its socket."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from ipaddress import ip_address
from typing import Any

from saltern.errors import LabError
from saltern.model import Size
from saltern_lab import base, cgroups, disk, inside, ipam, names, seed
from saltern_lab.node import LabNode, Record
from saltern_lab.settings import Lab

GIB = names.GIBIBYTE
SIZES = (
    Size("tiny", cpus=1, memory=GIB // 2, disk=8 * GIB),
    Size("small", cpus=2, memory=GIB, disk=8 * GIB),
    Size("support", cpus=2, memory=2 * GIB, disk=8 * GIB),
)
MINION_KEY = "/etc/salt/pki/minion/minion.pub"


class Cloud:
    """All methods, by the name that a request gives. Parameters are checked here: nothing else stands before them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._allocation = threading.Lock()  # from the choice of an address until it is written down
        self._busy: dict[str, threading.Lock] = {}
        self.methods: dict[str, Callable[[dict[str, Any]], Any]] = {
            "list": self._list,
            "show": lambda params: self._existing(params).show(),
            "create": self._create,
            "destroy": self._destroy,
            "start": lambda params: self._act(params, LabNode.start),
            "stop": lambda params: self._act(params, LabNode.stop),
            "kill": lambda params: self._act(params, LabNode.kill),
            "reboot": lambda params: self._act(params, LabNode.reboot),
            "minion_key": self._minion_key,
            "sizes": lambda params: [asdict(size) for size in SIZES],
            "images": lambda params: [{"name": base.NAME, "id": self.lab.image.name}],
        }

    def call(self, method: object, params: object) -> Any:
        """Answer one request, or raise LabError with a text for whoever asked."""
        if not isinstance(method, str) or method not in self.methods:
            raise LabError(f"There is no method {method!r}.", cure=f"Known: {', '.join(sorted(self.methods))}.")
        params = {} if params is None else params
        if not isinstance(params, dict):
            raise LabError("params is no object.", cure='Send {"method": …, "params": {…}}.')
        return self.methods[method](params)

    def nodes(self) -> list[LabNode]:
        """Every node, by name."""
        if not self.lab.nodes.is_dir():
            return []
        found = (LabNode(self.lab, path.name) for path in sorted(self.lab.nodes.iterdir()))
        return [node for node in found if node.exists]

    def _list(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        _only(params)
        return [node.show() for node in self.nodes()]

    def _existing(self, params: dict[str, Any]) -> LabNode:
        _only(params, "name")
        node = LabNode(self.lab, names.node(params.get("name")))
        node.record()
        return node

    def _lock(self, name: str) -> threading.Lock:
        return self._busy.setdefault(name, threading.Lock())

    def _act(self, params: dict[str, Any], action: Callable[[LabNode], None]) -> dict[str, Any]:
        node = self._existing(params)
        with self._lock(node.name):
            action(node)
        return node.show()

    def _destroy(self, params: dict[str, Any]) -> dict[str, Any]:
        node = self._existing(params)
        with self._lock(node.name):
            shown = node.show()
            node.remove()
        return shown

    def _minion_key(self, params: dict[str, Any]) -> str | None:
        node = self._existing(params)
        key = inside.read_file(node, MINION_KEY)
        return key.decode("ascii", errors="replace") if key else None

    def _create(self, params: dict[str, Any]) -> dict[str, Any]:
        _only(params, "name", "image", "size", "networks", "userdata")
        name = names.node(params.get("name"))
        image = params.get("image", base.NAME)
        if image not in (base.NAME, self.lab.image.name):
            raise LabError(f"There is no image {image!r}.", node=name, cure=f"Known: {base.NAME}.")
        size = _size(params.get("size"))
        networks = ipam.parse(params.get("networks"))
        userdata = seed.check_userdata(params.get("userdata"))
        node = LabNode(self.lab, name)
        with self._lock(name), ExitStack() as undo:
            record = self._allocate(node, image, size, networks)
            undo.callback(self._undo, node)
            node.make(record, userdata)
            node.start()
            undo.pop_all()  # it lives: nothing is to be undone any more
        return node.show()

    def _allocate(self, node: LabNode, image: str, size: Size, networks: dict[int, ipam.Network]) -> Record:
        with self._allocation:
            if node.directory.exists():
                raise LabError("There is a node of this name already.", node=node.name, cure="Destroy it first.")
            used = [ip_address(text) for other in self.nodes() for text in other.record().addresses.values()]
            addresses = ipam.allocate(node.name, networks, used)
            record = Record(
                name=node.name,
                image=image,
                base=str(self.lab.image),
                size=size,
                networks=[str(network) for network in networks.values()],
                addresses={family: str(address) for family, address in addresses.items()},
                machine_id=uuid.uuid4().hex,
            )
            node.directory.mkdir(parents=True, mode=0o700)
            record.save(node.directory / "node.json")
        return record

    def _undo(self, node: LabNode) -> None:
        cgroups.kill(self.lab.scope, node.name)
        cgroups.remove(self.lab.scope, node.name)
        disk.wait_until_free(node.directory)
        shutil.rmtree(node.directory)


def _size(value: object) -> Size:
    if isinstance(value, str):
        for size in SIZES:
            if size.name == value:
                return size
        raise LabError(f"There is no size {value!r}.", cure=f"Known: {', '.join(size.name for size in SIZES)}.")
    return names.size(value)


def _only(params: dict[str, Any], *known: str) -> None:
    unknown = sorted(set(params) - set(known))
    if unknown:
        raise LabError(f"Unknown parameters: {', '.join(unknown)}.", cure=f"Known: {', '.join(known) or 'none'}.")
