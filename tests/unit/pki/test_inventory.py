"""The inventory: durable, safe under processes and kills, quick to ask, and it never forgets a revocation."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from saltern.errors import CertificateError
from saltern.pki import inventory_backup, roots
from saltern.pki.inventory import REASONS, Inventory, Record, record
from support_pki import PASSPHRASE

NOW = 1_800_000_000
UTILS = Path(__file__).parents[3] / "_utils"


def line(number: int, **change: object) -> Record:
    made = Record(
        f"{number:x}", "consul", "peer", f"node-{number % 3}", "consul/consul", NOW, NOW + number, f"F{number}", NOW
    )
    return replace(made, **change)


@pytest.fixture(params=[False, True], ids=["a connection a call", "one connection"])
def inventory(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Inventory]:
    made = Inventory(tmp_path / "inventory.sqlite", keep=request.param)
    yield made
    made.close()


def serials(found: list[object]) -> list[str]:
    return [one.record.serial for one in found]  # type: ignore[attr-defined]


def test_a_leafs_line_and_the_files_mode(inventory: Inventory, ca: Path) -> None:
    certificate = roots.load("consul", ca, PASSPHRASE).certificate
    made = record(certificate, root="consul", profile="peer", asker="a", name="consul/consul")
    inventory.add([made])
    found = inventory.find(made.serial)
    assert found and found.record == made and found.revocation is None
    assert stat.S_IMODE(inventory.path.stat().st_mode) == 0o600
    assert int(made.serial, 16) == certificate.serial_number


def test_nothing_is_asked_of_an_inventory_that_is_not_there(inventory: Inventory) -> None:
    assert inventory.records() == inventory.revocations() == inventory.expiring(0, NOW) == []
    assert not inventory.path.exists()


def test_lists_by_asker_and_root_page_by_page(inventory: Inventory) -> None:
    inventory.add(line(number, root="nomad" if number > 20 else "consul") for number in range(1, 31))
    assert serials(inventory.records(limit=3)) == ["1e", "1d", "1c"]
    first = inventory.records("node-1", limit=4)
    assert serials(first) == ["1c", "19", "16", "13"]
    assert serials(inventory.records("node-1", before=first[-1].number, limit=2)) == ["10", "d"]
    assert serials(inventory.records("node-1", "consul", limit=2)) == ["13", "10"]
    assert serials(inventory.records(root="nomad", before=23)) == ["16", "15"]
    assert inventory.records("nobody") == []


def test_expiring_the_soonest_first(inventory: Inventory) -> None:
    inventory.add([line(5), line(3), line(9), line(4, not_after=NOW + 5), line(1)])
    first = inventory.expiring(NOW + 2, NOW + 9, limit=2)
    assert serials(first) == ["3", "5"]
    after = (first[-1].record.not_after, first[-1].number)
    assert serials(inventory.expiring(NOW + 2, NOW + 9, after=after)) == ["4"]


def test_all_or_none_and_no_serial_twice(inventory: Inventory) -> None:
    inventory.add([line(1)])
    with pytest.raises(CertificateError, match="UNIQUE"):
        inventory.add([line(2), line(1)])
    assert serials(inventory.records()) == ["1"]


def test_a_revocation_is_for_ever(inventory: Inventory) -> None:
    inventory.add([line(0xAB), line(2)])
    first = inventory.revoke("00:AB", reason="keyCompromise", by="ada", at=NOW)
    assert (first.serial, first.root, first.not_after) == ("ab", "consul", NOW + 0xAB)
    assert inventory.revoke("ab", reason="superseded", by="eve", at=NOW + 9) == first
    found = inventory.find("ab")
    assert found and found.revocation == first
    assert inventory.revocations() == inventory.revocations("consul") == [first]
    assert inventory.revocations("nomad") == []
    assert inventory.unexpired_revocations("consul", NOW + 0xAB) == [first]
    assert inventory.unexpired_revocations("consul", NOW + 0xAC) == []


@pytest.mark.parametrize(("serial", "reason", "told"), [("5", "superseded", "was issued"), ("1", "mood", "no reason")])
def test_what_cannot_be_revoked(serial: str, reason: str, told: str, inventory: Inventory) -> None:
    inventory.add([line(1)])
    with pytest.raises(CertificateError, match=told):
        inventory.revoke(serial, reason=reason, by="ada", at=NOW)
    assert {"certificateHold", "removeFromCRL"} & set(REASONS) == set()


def test_crl_numbers_only_rise(inventory: Inventory) -> None:
    assert inventory.next_crl_number("consul", NOW) == NOW
    assert inventory.next_crl_number("consul", NOW) == NOW + 1
    assert inventory.next_crl_number("consul", NOW - 50) == NOW + 2
    assert inventory.next_crl_number("consul", NOW + 50) == NOW + 50
    assert inventory.next_crl_number("nomad", 7) == 7


def test_a_file_that_is_no_inventory_is_an_error(inventory: Inventory) -> None:
    inventory.path.write_text("no database, but text that is long enough to be looked at " * 20)
    with pytest.raises(CertificateError, match="cannot be used"):
        inventory.add([line(1)])


def test_threads_share_one_connection(tmp_path: Path) -> None:
    inventory = Inventory(tmp_path / "inventory.sqlite", keep=True)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: inventory.add([line(number)]), range(1, 101)))
    assert len(inventory.records()) == 100
    inventory.close()


def _add(path: str, part: int) -> None:
    for turn in range(10):
        Inventory(path).add([line(100 * part + turn)])


def test_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "inventory.sqlite")
    with ProcessPoolExecutor(6) as pool:
        for future in [pool.submit(_add, path, part) for part in range(1, 7)]:
            future.result()
    assert len(Inventory(path).records()) == 60


WRITER = """
import sys
from saltern.pki.inventory import Inventory, Record
inventory = Inventory(sys.argv[1], keep=True)
for group in range(10**6):
    serials = [f"{sys.argv[2]}{group * 5 + one:08x}" for one in range(5)]
    inventory.add(Record(one, "consul", "peer", "a", "b/c", 0, 1, "F", 0) for one in serials)
    print(*serials, flush=True)
"""


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "inventory.sqlite"
    told: list[list[str]] = []
    for turn in range(4):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, path, f"{turn}{writer}"],
                env={"PYTHONPATH": str(UTILS)},
                stdout=subprocess.PIPE,
                text=True,
            )
            for writer in (1, 2)
        ]
        for writer in writers:
            assert writer.stdout
            told += [writer.stdout.readline().split() for _ in range(15)]
        for writer in writers:
            os.kill(writer.pid, signal.SIGKILL)
            rest, _ = writer.communicate()
            told += [text.split() for text in rest.splitlines()]
    held = {one.record.serial for one in Inventory(path).records(limit=10**6)}
    assert len(told) >= 120
    assert {serial for group in told for serial in group if len(group) == 5} <= held
    groups = {(serial[:2], int(serial[2:], 16) // 5) for serial in held}
    assert len(held) == 5 * len(groups), "a group stands there by halves"
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_restore_forgets_nothing(tmp_path: Path) -> None:
    live, copy = Inventory(tmp_path / "live.sqlite"), tmp_path / "copies" / "backup.sqlite"
    copy.parent.mkdir()
    live.add([line(1), line(2)])
    live.revoke("1", reason="keyCompromise", by="ada", at=NOW)
    live.next_crl_number("consul", 5)
    inventory_backup.backup(copy, live.path)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    live.add([line(3)])
    live.revoke("2", reason="superseded", by="ada", at=NOW + 1)
    live.next_crl_number("consul", 50)
    inventory_backup.restore(copy, live.path)
    assert serials(live.records()) == ["3", "2", "1"]
    assert {one.serial for one in live.revocations()} == {"1", "2"}
    assert live.next_crl_number("consul", 0) == 51
    assert [path.name for path in copy.parent.iterdir()] == ["backup.sqlite"]


def test_a_restore_on_a_new_disk_brings_everything_back(tmp_path: Path) -> None:
    old, new, copy = (tmp_path / name for name in ("old.sqlite", "new.sqlite", "backup.sqlite"))
    Inventory(old).add([line(1)])
    first = Inventory(old).revoke("1", reason="keyCompromise", by="ada", at=NOW)
    Inventory(old).next_crl_number("consul", 5)
    inventory_backup.backup(copy, old)
    Inventory(new).add([line(1), line(7)])
    Inventory(new).revoke("1", reason="superseded", by="eve", at=NOW + 100)
    inventory_backup.restore(copy, new)
    assert serials(Inventory(new).records()) == ["7", "1"]
    assert Inventory(new).revocations() == [first]
    assert Inventory(new).next_crl_number("consul", 0) == 6


def test_a_damaged_backup_changes_nothing(tmp_path: Path) -> None:
    live, copy = Inventory(tmp_path / "live.sqlite"), tmp_path / "backup.sqlite"
    live.add(line(number) for number in range(1, 500))
    inventory_backup.backup(copy, live.path)
    content = bytearray(copy.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    copy.write_bytes(content)
    other = tmp_path / "other.sqlite"
    Inventory(other).add([line(1000)])
    sqlite3.connect(tmp_path / "empty.sqlite").execute("CREATE TABLE other (a)").connection.close()
    for wrong in (copy, tmp_path / "empty.sqlite", tmp_path / "none.sqlite"):
        with pytest.raises(CertificateError, match=r"backup|merged"):
            inventory_backup.restore(wrong, other)
    assert len(Inventory(other).records()) == 1


@pytest.mark.parametrize(
    "call",
    ["records", "expiring", "revocations", "revocations of a root", "crl", "find", "asker and root", "root"],
)
def test_every_question_is_answered_from_an_index(call: str, inventory: Inventory) -> None:
    inventory.add([line(1)])
    asked: list[str] = []
    with sqlite3.connect(inventory.path) as connection:
        connection.set_trace_callback(asked.append)
        watched = Inventory(inventory.path, keep=True)
        watched._kept = connection
        {
            "records": lambda: watched.records("a", before=9),
            "expiring": lambda: watched.expiring(1, 2, after=(1, 1)),
            "revocations": watched.revocations,
            "revocations of a root": lambda: watched.revocations("consul"),
            "crl": lambda: watched.unexpired_revocations("consul", 1),
            "find": lambda: watched.find("1"),
            "asker and root": lambda: watched.records("a", "consul", before=9),
            "root": lambda: watched.records(root="consul"),
        }[call]()
        connection.set_trace_callback(None)
        (query,) = asked
        plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert all("USING" in text for text in plan if text.startswith(("SCAN", "SEARCH"))), plan
    assert not any("TEMP B-TREE" in text for text in plan), plan
