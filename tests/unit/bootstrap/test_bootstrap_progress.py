"""What the bootstrap says of the time that is left."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from saltern.bootstrap.engine import Event
from saltern.bootstrap.progress import Progress


def test_time_is_left_only_where_there_is_work():
    steps: Any = [SimpleNamespace(name=name, needs=()) for name in "abc"]
    journal: Any = SimpleNamespace(fact=lambda name: "30", remember=lambda name, value: None)
    stream = io.StringIO()
    show = Progress(steps, journal, stream)
    show(Event("a", "A holds", "checking"))
    show(Event("a", "A holds", "kept"))
    assert "left" not in stream.getvalue()
    show(Event("b", "B holds", "running"))
    show(Event("b", "B holds", "done"))
    assert "about 30 s left" in stream.getvalue()
