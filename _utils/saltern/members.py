"""What nodes ask of the master and report about themselves: turns to restart, problems, when each was looked at."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from saltern import database, paths
from saltern.entitlements import PROVED, SERVICES
from saltern.errors import MemberRefused, RegistryError
from saltern.model import Node
from saltern.names import is_node_id
from saltern.pki.convergence import MAXIMUM_CHARACTERS, MAXIMUM_PROBLEMS
from saltern.registry import Registry

TURN_SECONDS = 900  # longer than a restart and all that is waited for; then the next may go
ASKING_SECONDS = 60  # a node that waits for its turn asks more often than that
DEBOUNCE_SECONDS = 60  # a node is told to look at itself at most this often
SCHEMA = """
CREATE TABLE IF NOT EXISTS turn (service TEXT PRIMARY KEY, node TEXT NOT NULL, expires REAL NOT NULL);
CREATE TABLE IF NOT EXISTS waiting (service TEXT, node TEXT, asked REAL NOT NULL, PRIMARY KEY (service, node));
CREATE TABLE IF NOT EXISTS report (node TEXT PRIMARY KEY, problems TEXT NOT NULL, since REAL, at REAL);
CREATE TABLE IF NOT EXISTS looked (node TEXT PRIMARY KEY, at REAL NOT NULL);
"""


@dataclass(frozen=True)
class Report:
    """What a node says about itself: the problems that it has since ``since``, last told at ``at``. Unix times."""

    node: str
    problems: tuple[str, ...]
    since: float
    at: float


def proved(caller: str, registry: Registry) -> Node:
    """The node of an authenticated id.

    :raises MemberRefused: it is none of the registry's, or its key was not proved.
    """
    try:
        node = registry.node(caller) if is_node_id(caller) else None
    except RegistryError:
        node = None
    if node is None or node.state not in PROVED:
        raise MemberRefused("the caller is no proved node of the registry")
    return node


class Members:
    """The members' own words. Safe for several processes and for kill -9.

    :param path: the SQLite file, made with mode 0600.
    """

    def __init__(self, path: str | Path = paths.MEMBERS) -> None:
        self._path = Path(path)

    def take_turn(self, node: Node, service: object, leading: object) -> str:
        """Gives ``node`` the turn to restart ``service``, or says why it must wait.

        One node of a service at a time; who leads it waits until nobody else does.

        :raises MemberRefused: when the node does not run the service.
        """
        name, now = _service(node, service), time.time()
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM turn WHERE expires < ?", (now,))
            db.execute("DELETE FROM waiting WHERE asked < ?", (now - ASKING_SECONDS,))
            db.execute("INSERT OR REPLACE INTO waiting VALUES (?, ?, ?)", (name, node.id, now))
            holder = db.execute("SELECT node FROM turn WHERE service = ?", (name,)).fetchone()
            if holder:  # its own turn is not prolonged: others wait
                return "" if holder[0] == node.id else f"it is the turn of {holder[0]}"
            others = db.execute("SELECT node FROM waiting WHERE service = ? AND node <> ?", (name, node.id)).fetchall()
            if leading is True and others:
                return f"it leads, and {', '.join(sorted(row[0] for row in others))} goes first"
            db.execute("INSERT OR REPLACE INTO turn VALUES (?, ?, ?)", (name, node.id, now + TURN_SECONDS))
            db.execute("DELETE FROM waiting WHERE service = ? AND node = ?", (name, node.id))
        return ""

    def end_turn(self, node: Node, service: object) -> None:
        """Takes the turn back; another's turn stays.

        :raises MemberRefused: when the node does not run the service.
        """
        name = _service(node, service)
        with self._open() as db:
            db.execute("DELETE FROM turn WHERE service = ? AND node = ?", (name, node.id))
            db.execute("DELETE FROM waiting WHERE service = ? AND node = ?", (name, node.id))

    def report(self, node: Node, problems: object) -> bool:
        """Keeps what ``node`` says about itself in place of what it said before; whether that is news.

        :raises MemberRefused: it is no list of at most 16 texts of at most 500 characters.
        """
        told, now = json.dumps(_problems(problems)), time.time()
        with self._open() as db:
            before = db.execute("SELECT problems, since FROM report WHERE node = ?", (node.id,)).fetchone()
            known = before is not None and (before[0] == "[]") == (told == "[]")
            since = before[1] if known else now
            db.execute("INSERT OR REPLACE INTO report VALUES (?, ?, ?, ?)", (node.id, told, since, now))
        return before is None or before[0] != told

    def reports(self) -> list[Report]:
        """The last report of each node."""
        if not self._path.exists():
            return []
        with self._open() as db:
            rows = db.execute("SELECT node, problems, since, at FROM report ORDER BY node").fetchall()
        return [Report(node, tuple(json.loads(problems)), since, at) for node, problems, since, at in rows]

    def may_look(self, node: Node) -> bool:
        """Whether ``node`` is to look at itself now; it was not told so within the last minute."""
        now = time.time()
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            row = db.execute("SELECT at FROM looked WHERE node = ?", (node.id,)).fetchone()
            if row and 0 <= now - row[0] < DEBOUNCE_SECONDS:  # a clock that was put back does not silence a node
                return False
            db.execute("INSERT OR REPLACE INTO looked VALUES (?, ?)", (node.id, now))
        return True

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with database.transaction(self._path, SCHEMA) as connection:
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise MemberRefused(
                f"{self._path} cannot be used: {error}", cure="check free space and rights of the file."
            ) from error


def _service(node: Node, service: object) -> str:
    """The name of a service that the node's registered roles run."""
    if not isinstance(service, str) or not any(map(node.has, SERVICES.get(service, ()))):
        raise MemberRefused(f"the node does not run {ascii(service)[:60]}")
    return service


def _problems(problems: object) -> list[str]:
    if not isinstance(problems, list) or len(problems) > MAXIMUM_PROBLEMS:
        raise MemberRefused(f"a report is a list of at most {MAXIMUM_PROBLEMS} texts")
    if not all(isinstance(one, str) and 0 < len(one) <= MAXIMUM_CHARACTERS for one in problems):
        raise MemberRefused(f"each text of a report has 1 to {MAXIMUM_CHARACTERS} characters")
    # A page for people must show the words and nothing that a terminal obeys.
    return ["".join(letter if letter.isprintable() else " " for letter in one) for one in problems]
