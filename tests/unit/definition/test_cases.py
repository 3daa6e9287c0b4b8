"""Every rule of the definition. A case is a file in ``cases``; its name is the failure (or begins with ``good``)."""

import copy
import shutil
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from saltern import definition
from saltern.errors import Problems

HERE = Path(__file__).parent
CASES = sorted((HERE / "cases").glob("*.yaml"))
ARTIFACTS = {"consul": ["1.21.0"], "vault": ["1.21.1"], "nomad": ["1.11.1"], "canary": ["1.0.0"]}


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_case(file: Path, tmp_path: Path) -> None:
    case = yaml.safe_load(file.read_text(encoding="utf-8"))
    directory = _laid_out(case, tmp_path)
    try:
        found = definition.load(directory, artifacts=ARTIFACTS)
    except Problems as problems:
        texts = [str(problem) for problem in problems.problems]
        assert "problems" in case, texts
        for fragment in case["problems"]:
            assert any(fragment in text for text in texts), (fragment, texts)
        assert len(texts) == len(case["problems"]), texts
    else:
        assert "problems" not in case, "the definition was accepted"
        assert file.stem.startswith("good_")
        for path, value in case["expect"].items():
            assert _at(found, path) == value, path


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_every_problem_has_a_place_and_a_cure(file: Path, tmp_path: Path) -> None:
    case = yaml.safe_load(file.read_text(encoding="utf-8"))
    if "problems" not in case:
        return
    with pytest.raises(Problems) as caught:
        definition.load(_laid_out(case, tmp_path), artifacts=ARTIFACTS)
    for problem in caught.value.problems:
        assert ".yaml" in problem.where
        assert problem.cure.endswith((".", ")")), problem.cure


def _laid_out(case: dict[str, Any], directory: Path) -> Path:
    """A copy of the faultless definition with the case's changes."""
    shutil.copytree(HERE / "base", directory, dirs_exist_ok=True)
    base = directory / "definition.yaml"
    document = yaml.safe_load(base.read_text(encoding="utf-8"))
    for path, value in case.get("change", {}).items():
        _set(document, path.split("."), value)
    base.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    for name, text in case.get("files", {}).items():
        (directory / name).write_text(text, encoding="utf-8")
    for operator, key in case.get("keys", {}).items():
        shutil.copy(HERE / "keys" / key, directory / "operators" / f"{operator}.asc")
    for operator in case.get("remove_keys", []):
        (directory / "operators" / f"{operator}.asc").unlink()
    return directory


def _set(document: dict[str, Any], path: list[str], value: Any) -> None:
    """Sets a value; null removes the key."""
    for key in path[:-1]:
        document = document.setdefault(key, {})
    if value is None:
        document.pop(path[-1], None)
    else:
        document[path[-1]] = copy.deepcopy(value)


def _at(value: Any, path: str) -> Any:
    found = reduce(lambda one, key: one[key] if isinstance(one, dict) else getattr(one, key), path.split("."), value)
    return list(found) if isinstance(found, tuple) else found
