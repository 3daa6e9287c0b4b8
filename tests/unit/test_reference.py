"""docs/reference/commands.md names the commands that there are, and the documentation names no others."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from runner.tree import files

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "commands.md"
RUN = re.compile(r"salt-run ([a-z]+\.[a-z_]+)")
VIRTUAL = re.compile(r"^__virtualname__ = \"(\w+)\"", re.MULTILINE)
ALIAS = re.compile(r"^__func_alias__ = (\{.*?\})", re.MULTILINE | re.DOTALL)


def runner_functions() -> set[str]:
    """Every public function of our runners, by the name that Salt gives it."""
    found = set()
    for path in (ROOT / "_runners").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        virtual, aliased = VIRTUAL.search(text), ALIAS.search(text)
        module = virtual.group(1) if virtual else path.stem
        alias = ast.literal_eval(aliased.group(1)) if aliased else {}
        names = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
        found |= {f"{module}.{alias.get(name, name)}" for name in names if not name.startswith("_")}
    return found


def test_every_function_of_a_runner_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    missing = sorted(name for name in runner_functions() if f"{name}`" not in text)
    assert not missing, ", ".join(missing)


def test_every_command_of_the_lab_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    commands = [path.name for path in (ROOT / "lab").iterdir() if path.is_symlink()]
    assert commands
    assert [name for name in commands if not re.search(rf"`lab/{name}[ `]", text)] == []


def test_no_page_and_no_message_names_a_runner_that_does_not_exist():
    known = runner_functions()
    ours = {name.split(".")[0] for name in known}
    wrong = []
    for path in files(ROOT):
        if path.parts[0] == "tests" or path.suffix not in {".md", ".py", ".yaml", ".sls", ""}:
            continue
        named = RUN.findall((ROOT / path).read_text(encoding="utf-8", errors="replace"))
        wrong += [f"{path}: salt-run {name}" for name in named if name not in known and name.split(".")[0] in ours]
    assert not wrong, "\n".join(wrong)
