"""The pinned list is validated whole."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from saltern.artifacts import manifest
from saltern.errors import Problems

ROOT = Path(__file__).parents[3]

GOOD: dict[str, Any] = {
    "platform": "linux_amd64",
    "providers": ["file", "release"],
    "artifacts": [
        {
            "name": "tool",
            "version": "1.2.3",
            "licence": "MIT",
            "kind": "binary",
            "file": "tool",
            "release": {"url": "https://example.org/{name}_{version}.zip", "sha256": "0" * 64, "member": "tool"},
            "go": {
                "wrapper": "go/tool",
                "module": "example.org/tool",
                "tags": [],
                "ldflags": "-s",
                "cgo": False,
                "typical": "5m",
            },
        },
        {
            "name": "picture",
            "version": "1.0.0",
            "licence": "MIT",
            "kind": "image",
            "file": "picture.tar",
            "image": {
                "applets": ["sh"],
                "directories": ["/www"],
                "user": "65534:65534",
                "entrypoint": [],
                "command": ["sh"],
            },
        },
    ],
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    wrapper = tmp_path / "go/tool"
    wrapper.mkdir(parents=True)
    (wrapper / "go.mod").write_text("module wrapper\n")
    (wrapper / "go.sum").write_text("")
    return tmp_path


def test_the_projects_own_list_is_valid_and_pins_what_the_cluster_runs():
    loaded = manifest.load(ROOT / "artifacts/manifest.yaml")
    assert {one.name: one.version for one in loaded.artifacts if one.kind == "binary"} == {
        "consul": "1.21.0",
        "nomad": "1.11.1",
        "vault": "1.21.1",
    }
    assert all(one.release and one.release.sha256 and one.go for one in loaded.artifacts if one.kind == "binary")
    assert {one.name for one in loaded.artifacts if one.kind == "image"} == {"canary", "pause"}


def test_good_input(base: Path):
    loaded = manifest.parse(GOOD, "m.yaml", base)
    assert loaded.artifacts[0].go is not None
    assert loaded.artifacts[0].go.typical == 300
    assert loaded.artifacts[1].reference == "saltern/picture:1.0.0"


BAD = {
    "unknown key": (("artifacts", 0, "sha"), "x", "artifacts[0].sha: Unknown key"),
    "version is a number": (("artifacts", 0, "version"), 1.2, "artifacts[0].version: Expected a text, found 1.2"),
    "version leaves the store": (("artifacts", 0, "version"), "../1.2.3", "does not have the form"),
    "name leaves the store": (("artifacts", 0, "name"), "../tool", "does not have the form"),
    "file is hidden": (("artifacts", 0, "file"), ".tool", "does not have the form"),
    "kind": (("artifacts", 0, "kind"), "package", "Unknown kind 'package'"),
    "plain http": (("artifacts", 0, "release", "url"), "http://example.org/x.zip", "is not HTTPS"),
    "placeholder": (("artifacts", 0, "release", "url"), "https://example.org/{arch}.zip", "Unknown placeholders: arch"),
    "short sum": (("artifacts", 0, "release", "sha256"), "abc", "is not a sha256 sum"),
    "wrapper": (("artifacts", 0, "go", "wrapper"), "go/none", "go.mod does not exist"),
    "cgo": (("artifacts", 0, "go", "cgo"), "yes", "Expected true or false"),
    "bare duration": (("artifacts", 0, "go", "typical"), "300", "does not have the form"),
    "provider": (("providers",), ["ftp"], "Unknown provider 'ftp'"),
    "providers": (("providers",), "file", "Expected a list of texts"),
    "no artifacts": (("artifacts",), [], "A list of artifacts is needed"),
    "root in an image": (("artifacts", 1, "image", "user"), "0:0", "does not have the form"),
    "nothing to run": (("artifacts", 1, "image", "command"), [], "nothing to run"),
    "applet": (("artifacts", 1, "image", "applets"), ["../sh"], "is not an applet"),
    "directory": (("artifacts", 1, "image", "directories"), ["/../etc"], "is not an absolute path"),
    "image that is a binary": (("artifacts", 1, "kind"), "binary", "belong together"),
}


def changed(path: tuple[str | int, ...], value: Any) -> Any:
    document = copy.deepcopy(GOOD)
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


@pytest.mark.parametrize(("path", "value", "text"), BAD.values(), ids=BAD.keys())
def test_bad_input(base: Path, path: tuple[str | int, ...], value: Any, text: str):
    with pytest.raises(Problems) as caught:
        manifest.parse(changed(path, value), "m.yaml", base)
    assert text in str(caught.value)
    assert "m.yaml: " in str(caught.value)


def test_every_problem_is_told_at_once(base: Path):
    document = changed(("artifacts", 0, "version"), "")
    document["artifacts"][0]["kind"] = "x"
    document["artifacts"][1]["file"] = "a/b"
    document["platform"] = None
    with pytest.raises(Problems) as caught:
        manifest.parse(document, "m.yaml", base)
    assert len(caught.value.problems) >= 4


def test_one_version_twice(base: Path):
    document = changed(("artifacts", 1), GOOD["artifacts"][0])
    with pytest.raises(Problems, match="listed twice"):
        manifest.parse(document, "m.yaml", base)


def test_not_yaml_and_not_there(tmp_path: Path):
    broken = tmp_path / "m.yaml"
    broken.write_text("a: [")
    with pytest.raises(Problems, match="not YAML"):
        manifest.load(broken)
    with pytest.raises(Problems, match="cannot be read"):
        manifest.load(tmp_path / "none.yaml")
