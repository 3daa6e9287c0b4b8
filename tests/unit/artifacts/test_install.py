"""What a node does with an artifact is decided here, without touching anything."""

from __future__ import annotations

from typing import Any

import pytest

from saltern.artifacts.install import Plan, Present, Wanted, plan, wanted
from saltern.errors import ArtifactError, Problems

SUM, OTHER = "a" * 64, "b" * 64
WANT = Wanted("tool", "1.2.3", SUM, "https://store/tool", "tool", "binary")
IMAGE = Wanted("tool", "1.2.3", SUM, "https://store/tool.tar", "tool.tar", "image")


@pytest.mark.parametrize(
    ("want", "present", "download", "switch", "remove"),
    [
        (WANT, Present(), True, True, ()),
        (WANT, Present(("1.2.3",), SUM, "1.2.3"), False, False, ()),
        (WANT, Present(("1.2.3",), OTHER, "1.2.3"), True, False, ()),
        (WANT, Present(("1.2.3", "1.2.2"), SUM, "1.2.2"), False, True, ()),
        (WANT, Present(("4", "3", "2", "1"), "", "4"), True, True, ("2", "1")),
        # the version in use stays as the way back, however old it is
        (WANT, Present(("4", "3", "2", "1"), "", "1"), True, True, ("3", "2")),
        (WANT, Present(("4", "1.2.3", "3", "2"), SUM, "1.2.3"), False, False, ("2",)),
        (IMAGE, Present(("1.2.3",), SUM, ""), False, False, ()),
        (IMAGE, Present((), "", ""), True, False, ()),
    ],
)
def test_plan(want: Wanted, present: Present, download: bool, switch: bool, remove: tuple[str, ...]):
    made = plan(want, present)
    assert (made.download, made.switch, made.remove) == (download, switch, remove)
    assert bool(made.reasons) == (download or switch or bool(remove))
    assert bool(made.changes(want, present)) == bool(made.reasons)


def test_changes_name_the_old_and_the_new():
    present = Present(("1.2.2",), "", "1.2.2")
    made = plan(WANT, present)
    assert made.changes(WANT, present) == {
        "file": {"old": "", "new": SUM},
        "version": {"old": "1.2.2", "new": "1.2.3"},
    }
    assert Plan(False, False, (), ()).changes(WANT, present) == {}


GOOD: dict[str, Any] = {
    "version": "1.2.3",
    "sha256": SUM,
    "url": "https://store/tool",
    "kind": "binary",
    "files": ["tool"],
}


def test_a_description_from_the_pillar():
    assert wanted("tool", GOOD) == WANT


@pytest.mark.parametrize(
    ("name", "change", "text"),
    [
        ("../tool", {}, "tool: name"),
        ("tool", {"version": "../../etc"}, "tool: version"),
        ("tool", {"sha256": "abc"}, "tool: sha256"),
        ("tool", {"sha256": ""}, "tool: sha256"),
        ("tool", {"url": "http://store/tool"}, "tool: url"),
        ("tool", {"url": ""}, "tool: url"),
        ("tool", {"kind": "package"}, "Unknown kind"),
        ("tool", {"files": ["../../../usr/bin/tool"]}, "tool: files"),
        ("tool", {"files": ["a", "b"]}, "exactly one file"),
    ],
)
def test_a_description_that_is_wrong(name: str, change: dict[str, Any], text: str):
    with pytest.raises(Problems, match=text):
        wanted(name, {**GOOD, **change})


def test_an_artifact_that_the_store_lacks():
    with pytest.raises(ArtifactError, match=r"tool 1\.2\.3 is not in .* Cure: .*salt-run artifact\.fetch tool"):
        wanted("tool", {**GOOD, "sha256": "", "url": ""})
