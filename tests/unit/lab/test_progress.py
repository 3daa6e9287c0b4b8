"""How long steps take, remembered for the next time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from saltern_lab.progress import Progress


@pytest.fixture
def path(tmp_path):
    return tmp_path / "durations.json"


def test_the_typical_duration_is_told_until_a_real_one_is_known(path, capsys):
    progress = Progress(path)
    assert progress.expected("cooking", 8) == 8
    with progress.step("cooking", 8):
        assert "cooking … (about 8 s)" in capsys.readouterr().out
    assert Progress(path).expected("cooking", 8) < 1
    assert "cooking: done in 0 s" in capsys.readouterr().out


def test_a_long_step_that_had_nothing_to_do_teaches_nothing(path):
    progress = Progress(path)
    with progress.step("building", 600):
        pass
    assert progress.expected("building", 600) == 600


def test_a_broken_file_is_no_obstacle(path):
    path.write_text("{")
    progress = Progress(path)
    with progress.step("cooking", 8):
        pass
    assert progress.expected("cooking", 8) < 1


def test_labs_side_by_side_do_not_lose_each_others_durations(path):
    def cook(number):
        with Progress(path).step(f"dish {number}", 1):
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(cook, range(40)))
    assert all(Progress(path).expected(f"dish {number}", 99) < 5 for number in range(40))


def test_a_log_is_shown_whole_and_brings_the_only_countdown(path, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("saltern_lab.progress.INTERVAL", 0.01)
    line = f"building vault 1.21.1: {'x' * 120}, about 4 min 53 s left in all"
    (tmp_path / "log").write_text(f"earlier\n{line}\n")
    shown = ""
    with Progress(path).step("artifacts", 600, log=tmp_path / "log"):
        while line not in shown:
            shown += capsys.readouterr().out
    assert shown.count(" left") == shown.count("left in all")
