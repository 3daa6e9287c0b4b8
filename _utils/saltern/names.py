"""Names of nodes, and the digest that tells when a node must be replaced."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import string
from collections.abc import Callable, Collection

from saltern.errors import SalternError
from saltern.model import Definition, Group

SUPPORT = "support"
_LETTERS = string.ascii_lowercase + string.digits
_RANDOM_LENGTH = 6
_ATTEMPTS = 1000
# Ids become file names, DNS labels and Salt targets: nothing else may ever be one.
_NODE_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


def is_node_id(text: str) -> bool:
    """Whether ``text`` could be the id of a node."""
    return bool(_NODE_ID.fullmatch(text))


def new_node_id(group: str, taken: Collection[str], choose: Callable[[str], str] = secrets.choice) -> str:
    """A free id ``<group>-<random>``; the support server is always ``support``.

    :param taken: every id that a node has or lately had: registry, cloud and Salt keys.
    :raises SalternError: when no free id is found.
    """
    if group == SUPPORT:
        return SUPPORT
    for _ in range(_ATTEMPTS):
        name = f"{group}-{''.join(choose(_LETTERS) for _ in range(_RANDOM_LENGTH))}"
        if name not in taken:
            return name
    raise SalternError(f"found no free id for the group {group}", cure="remove dead nodes from the registry.")


def group_of(node_id: str) -> str:
    """The group that a node id names."""
    return node_id if node_id == SUPPORT else node_id.rpartition("-")[0]


def keepers(definition: Definition, group: Group) -> str:
    """Digest of what a node was made from: a node with another digest than its group's is replaced.

    Datacenter, image, size and userdata count. Versions of software do not:
    they are upgraded in place.
    """
    size = definition.sizes[group.size]
    made_from = {
        "datacenter": definition.datacenter,
        "image": group.image,
        "size": [size.name, size.cpus, size.memory, size.disk],
        "userdata": group.userdata,
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:16]
