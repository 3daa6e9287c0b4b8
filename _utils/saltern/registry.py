"""The master's own record of every node: what a minion is entitled to is decided by it, never by grains.

SQLite in one file of mode 0600 on the support server. Each call opens its own connection, so several processes (the
master's workers, runners) use it at once; a call is on disk when it returns.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from saltern import paths
from saltern.errors import RegistryError
from saltern.model import NODE_CLASSES, ROLES, LifeCycle, Node
from saltern.names import is_node_id

SCHEMA_VERSION = 1
_BUSY_SECONDS = 10
_SCHEMA = """
CREATE TABLE node (
    id TEXT PRIMARY KEY,
    node_group TEXT NOT NULL,
    role TEXT NOT NULL,
    zone TEXT NOT NULL,
    node_class TEXT NOT NULL,
    ipv4 TEXT NOT NULL,
    ipv6 TEXT NOT NULL,
    keepers TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_node_an_ipv4 ON node (ipv4) WHERE ipv4 <> '';
CREATE UNIQUE INDEX one_node_an_ipv6 ON node (ipv6) WHERE ipv6 <> '';
"""
_COLUMNS = "id, node_group, role, zone, node_class, ipv4, ipv6, keepers, state"

# Where a node may go from where it stands. Back to PLANNED: its creation was rolled back.
TRANSITIONS: dict[LifeCycle, frozenset[LifeCycle]] = {
    LifeCycle.PLANNED: frozenset({LifeCycle.CREATED}),
    LifeCycle.CREATED: frozenset({LifeCycle.ACCEPTED, LifeCycle.PLANNED}),
    LifeCycle.ACCEPTED: frozenset({LifeCycle.JOINED, LifeCycle.DRAINING, LifeCycle.PLANNED}),
    LifeCycle.JOINED: frozenset({LifeCycle.DRAINING}),
    LifeCycle.DRAINING: frozenset({LifeCycle.JOINED}),
}


class Registry:
    """The registry in the file ``path``; the file is made by the first call that writes."""

    def __init__(self, path: str | Path = paths.REGISTRY) -> None:
        self.path = Path(path)

    def nodes(self) -> list[Node]:
        """Every node, sorted by id; none where there is no registry yet."""
        if not self.path.exists():
            return []
        with self._connection() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM node ORDER BY id").fetchall()  # noqa: S608 - a constant
        return [_node(row) for row in rows]

    def node(self, node_id: str) -> Node:
        """The node called ``node_id``.

        :raises RegistryError: when there is none.
        """
        found = self._find(node_id)
        if found is None:
            raise _unknown(node_id)
        return found

    def add(self, node: Node) -> None:
        """Records a new node.

        :raises RegistryError: when its id or one of its addresses is taken, or a value is not valid.
        """
        _check(node)
        marks = ", ".join("?" * 9)
        statement = f"INSERT INTO node ({_COLUMNS}) VALUES ({marks})"  # noqa: S608 - constants
        with self._writing(node) as connection:
            connection.execute(statement, _row(node))

    def update(self, node_id: str, **fields: Any) -> Node:
        """Changes fields of a node and returns it as it is now.

        :param fields: fields of ``saltern.model.Node`` but ``id``.
        :raises RegistryError: for an unknown node or field, a taken address, a life-cycle step that does not exist.
        """
        before = self.node(node_id)
        unknown = fields.keys() - set(Node.__dataclass_fields__) | (fields.keys() & {"id"})
        if unknown:
            what = f"the registry cannot change {', '.join(sorted(unknown))}"
            raise RegistryError(what, node=node_id, cure="remove the node and add it anew.")
        with self._writing(before) as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM node WHERE id = ?", (node_id,)).fetchone()  # noqa: S608
            if row is None:
                raise _unknown(node_id)
            current = _node(row)
            node = _changed(current, fields)
            _check(node)
            _check_step(current, node)
            assignments = ", ".join(f"{column} = ?" for column in _COLUMNS.split(", "))
            connection.execute(f"UPDATE node SET {assignments} WHERE id = ?", (*_row(node), node_id))  # noqa: S608
        return node

    def remove(self, node_id: str) -> None:
        """Forgets a node: from now on its minion gets nothing.

        :raises RegistryError: when there is no such node.
        """
        with self._writing(self.node(node_id)) as connection:
            if connection.execute("DELETE FROM node WHERE id = ?", (node_id,)).rowcount != 1:
                raise _unknown(node_id)

    def _find(self, node_id: str) -> Node | None:
        if not self.path.exists():
            return None
        with self._connection() as connection:
            query = f"SELECT {_COLUMNS} FROM node WHERE id = ?"  # noqa: S608 - a constant
            row = connection.execute(query, (node_id,)).fetchone()
        return _node(row) if row else None

    @contextmanager
    def _writing(self, node: Node) -> Iterator[sqlite3.Connection]:
        """One write transaction; what clashes with another node becomes an error that names it."""
        self._make()
        with self._connection() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except sqlite3.IntegrityError as error:
                connection.execute("ROLLBACK")
                raise RegistryError(_clash(error), node=node.id, cure="remove the other node first.") from error
            except RegistryError:
                connection.execute("ROLLBACK")
                raise

    def _make(self) -> None:
        """Makes an empty file of mode 0600 before SQLite opens it; its side files inherit the mode."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise RegistryError(f"{self.path} cannot be made: {error}", cure="run this as root.") from error

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                self._prepare(connection)
                yield connection
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            cure = "look at the file's owner, the free disk space, and your backups."
            raise RegistryError(f"the registry {self.path} cannot be used: {error}", cure=cure) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Lays the tables into a new file, and refuses one that a newer Saltern wrote."""
        found = _schema_version(connection)
        if found == SCHEMA_VERSION:
            return
        if found > SCHEMA_VERSION:
            what = f"the registry {self.path} has schema {found}; this Saltern knows {SCHEMA_VERSION}"
            raise RegistryError(what, cure="update Saltern on the support server.")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        if _schema_version(connection) == 0:  # another process may have been quicker
            for statement in _SCHEMA.strip().split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")


def _schema_version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _row(node: Node) -> tuple[str, ...]:
    role = json.dumps(list(node.role))
    fixed = (node.id, node.group, role, node.zone, node.node_class)
    return (*fixed, node.ipv4, node.ipv6, node.keepers, LifeCycle(node.state).value)


def _node(row: tuple[str, ...]) -> Node:
    node_id, group, role, zone, node_class, ipv4, ipv6, keepers, state = row
    return Node(node_id, group, tuple(json.loads(role)), zone, node_class, ipv4, ipv6, keepers, LifeCycle(state))


def _changed(node: Node, fields: dict[str, Any]) -> Node:
    """``node`` with new values in the model's own types, whatever list or text the caller had."""
    types: dict[str, Any] = {"role": tuple, "state": LifeCycle}
    try:
        return replace(node, **{name: types.get(name, str)(value) for name, value in fields.items()})
    except ValueError as error:
        known = ", ".join(state.value for state in LifeCycle)
        raise RegistryError(str(error), node=node.id, cure=f"known states: {known}.") from error


def _check(node: Node) -> None:
    """The values that others build paths, names and rules from are what they claim to be."""
    if not is_node_id(node.id):
        raise RegistryError(f"`{node.id}` cannot be a node id", cure="use lower-case letters, digits and hyphens.")
    unknown = [role for role in node.role if role not in ROLES]
    if unknown or not node.role:
        what = f"unknown role {', '.join(unknown)}" if unknown else "a node has at least one role"
        raise RegistryError(what, node=node.id, cure=f"known roles: {', '.join(ROLES)}.")
    if node.node_class not in NODE_CLASSES:
        cure = f"known node classes: {', '.join(NODE_CLASSES)}."
        raise RegistryError(f"unknown node_class `{node.node_class}`", node=node.id, cure=cure)
    for family, text in ((4, node.ipv4), (6, node.ipv6)):
        try:
            valid = not text or ((found := ip_address(text)).version == family and str(found) == text)
        except ValueError:
            valid = False
        if not valid:
            what = f"`{text}` is no IPv{family} address in its usual form"
            raise RegistryError(what, node=node.id, cure="give the address as the node itself shows it.")


def _check_step(before: Node, after: Node) -> None:
    if after.state != before.state and after.state not in TRANSITIONS[before.state]:
        ways = ", ".join(sorted(state.value for state in TRANSITIONS[before.state]))
        what = f"a node that is {before.state.value} cannot become {LifeCycle(after.state).value}"
        raise RegistryError(what, node=before.id, cure=f"from there it can become: {ways}.")


def _clash(error: sqlite3.IntegrityError) -> str:
    column = str(error).rpartition(".")[2]
    return f"another node has the same {column}" if column in ("id", "ipv4", "ipv6") else str(error)


def _unknown(node_id: str) -> RegistryError:
    return RegistryError("the registry does not know this node", node=node_id, cure="see `salt-run cluster.plan`.")
