"""What a person sees while artifacts are fetched."""

from __future__ import annotations

import io

import pytest

from saltern.artifacts.command import Screen, describe, main
from saltern.artifacts.model import Progress


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (
            Progress("building x", 61, 300, 60),
            "building x: 1 min 01 s, typically up to 5 min 00 s, about 4 min 59 s left in all",
        ),
        (Progress("building x", 301, 300), "building x: 5 min 01 s, typically up to 5 min 00 s, longer than typical"),
        (Progress("downloading y", 3, 0, 0, 5 << 20, 9 << 20), "downloading y: 3 s, 5 of 9 MiB"),
    ],
)
def test_progress_in_words(progress: Progress, text: str):
    assert describe(progress) == text


def test_without_a_terminal_lines_are_plain_and_few():
    stream = io.StringIO()
    screen = Screen(stream)
    for elapsed in range(5):
        screen.report(Progress("building x", elapsed, 300))
    screen.report(Progress("building y", 0, 300))
    screen.say("done")
    lines = stream.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines] == ["building x", "building y", "done"]
    assert "\r" not in stream.getvalue()


def test_a_broken_list_is_told_without_a_traceback(tmp_path, capsys):
    broken = tmp_path / "manifest.yaml"
    broken.write_text("platform: 1\n")
    assert main(["--manifest", str(broken), "--cache", str(tmp_path), "--no-install"]) == 1
    told = capsys.readouterr().err
    assert "platform" in told
    assert "Traceback" not in told
