"""The journal keeps what was begun and every secret, sealed."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from saltern.errors import JournalError
from saltern.journal import Journal


@pytest.fixture
def key():
    return os.urandom(32)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "journal.sqlite")


@pytest.fixture
def journal(path, key):
    return Journal(path, lambda: key)


def test_a_secret_is_made_once(journal):
    made = []

    def make():
        made.append(1)
        return "s3cret"

    assert journal.ensure_secret("x", make) == journal.ensure_secret("x", make) == "s3cret"
    assert len(made) == 1


def test_no_secret_lies_in_clear_on_the_disk(journal, path):
    journal.put_secret("x", "very-unusual-text")
    for file in Path(path).parent.iterdir():
        assert b"very-unusual-text" not in file.read_bytes()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_destroyed_secret_is_gone_but_on_record(journal):
    journal.put_secret("x", "value")
    journal.destroy_secret("x")
    assert journal.secret("x") is None
    assert [(one.name, one.destroyed is not None) for one in journal.secrets()] == [("x", True)]
    with pytest.raises(JournalError, match="was destroyed"):
        journal.ensure_secret("x", lambda: "another")


def test_another_machine_cannot_open_it(journal, path):
    journal.put_secret("x", "value")
    with pytest.raises(JournalError, match="machine-key.cred"):
        Journal(path, lambda: os.urandom(32)).secret("x")


def test_a_sealed_value_cannot_be_moved_to_another_name(journal, path):
    journal.put_secret("x", "value")
    journal.put_secret("y", "other")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE secret SET sealed = (SELECT sealed FROM secret WHERE name = 'x') WHERE name = 'y'")
    with pytest.raises(JournalError):
        journal.secret("y")


def test_a_broken_file_is_one_clear_error(path, key):
    Path(path).write_text("this is no database, but text that is long enough to be read as one" * 20)
    with pytest.raises(JournalError, match="journal.sqlite"):
        Journal(path, lambda: key).secret("x")


def test_services_and_facts(journal):
    assert not journal.reached("consul")
    journal.reach("consul", "nomad")
    journal.reach("consul")
    assert journal.reached("consul")
    journal.remember("a", "1")
    journal.remember("a", "2")
    assert (journal.fact("a"), journal.fact("b")) == ("2", "")
