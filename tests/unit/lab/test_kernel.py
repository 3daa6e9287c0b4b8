"""Kernel limits: raised by the first lab, put back by the last one."""

from __future__ import annotations

import pytest

from saltern_lab import kernel

WANTED = {"fs/low": 2048, "fs/high": 100}


@pytest.fixture
def proc(tmp_path):
    """A machine with one limit that is too low and one that is not."""
    (tmp_path / "proc/fs").mkdir(parents=True)
    (tmp_path / "proc/fs/low").write_text("128\n")
    (tmp_path / "proc/fs/high").write_text("5000\n")
    return tmp_path / "proc"


def value(proc, name):
    return int((proc / name).read_text())


def raise_for(lab, proc):
    return kernel.raise_limits(lab, root=proc.parent / "labs", proc=proc, wanted=WANTED)


def restore_for(lab, proc):
    return kernel.restore_limits(lab, root=proc.parent / "labs", proc=proc, wanted=WANTED)


def test_only_what_is_too_low_is_raised_and_named(proc):
    assert raise_for("a", proc) == ["fs.low: 128 -> 2048"]
    assert (value(proc, "fs/low"), value(proc, "fs/high")) == (2048, 5000)
    assert raise_for("a", proc) == []


def test_the_last_lab_puts_the_first_value_back(proc):
    raise_for("a", proc)
    raise_for("b", proc)
    assert restore_for("a", proc) == []
    assert value(proc, "fs/low") == 2048
    assert restore_for("b", proc) == ["fs.low: 2048 -> 128"]
    assert value(proc, "fs/low") == 128


def test_a_value_that_somebody_else_set_meanwhile_stays(proc):
    raise_for("a", proc)
    (proc / "fs/low").write_text("4096\n")
    assert restore_for("a", proc) == []
    assert value(proc, "fs/low") == 4096


def test_without_a_lab_there_is_nothing_to_restore(proc):
    assert restore_for("a", proc) == []
    assert value(proc, "fs/low") == 128
