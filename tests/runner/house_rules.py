"""Rules of this house that no linter knows. Each rule reads one file and returns ``line, text`` for what it finds."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from runner.tree import LOADER_FOLDERS, files, interpreter

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_PARAMETERS = 7
WAIT_HELPERS = {"wait.py", "waiting.py"}  # a package has one file that may sleep: it waits on conditions
GENERATED = {"go.mod", "go.sum", "LICENSE"}  # written by tools or by others; their length and words are not ours
NOT_OURS = re.compile(
    # Package registries and places outside the project: configuration of a machine, not of Saltern.
    r"proxy[.]golang[.]org|sum[.]golang[.]org|(files[.])?pypi[.]org|pythonhosted[.]org|deb[.]debian[.]org"
    r"|registry[.]npmjs[.]org|crates[.]io|[.][.]/shared\b|/work[/]|\b(HAND-BOOTSTRAP|FACTS|EXAMPLES|DESIGN)[.]md"
    r"|\bDESIGN( section)? \d|\b(TO[D]O|FIXM[E]|XX[X])\b"
)

Finding = tuple[int, str]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def file_length(path: Path, text: str) -> Iterator[Finding]:
    """A file has at most 400 lines."""
    count = len(text.splitlines())
    if count > MAX_FILE_LINES:
        yield count, f"{count} lines, at most {MAX_FILE_LINES}: split it"


def words(path: Path, text: str) -> Iterator[Finding]:
    """No registry host, no place outside the project, nothing left to do later."""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := NOT_OURS.search(line):
            yield number, f"{match.group()!r} does not belong in the project"


def function_length(path: Path, tree: ast.Module) -> Iterator[Finding]:
    """A function has at most 40 lines, its docstring not counted."""
    for function in _functions(tree):
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        if ast.get_docstring(function) is not None:
            docstring = function.body[0]
            lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
        if lines > MAX_FUNCTION_LINES:
            yield function.lineno, f"{function.name} has {lines} lines, at most {MAX_FUNCTION_LINES}"


def parameters(path: Path, tree: ast.Module) -> Iterator[Finding]:
    """A function has at most seven parameters."""
    for function in _functions(tree):
        arguments = function.args
        names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        count = len([name for name in names if name not in {"self", "cls"}])
        if count > MAX_PARAMETERS:
            yield function.lineno, f"{function.name} takes {count} parameters, at most {MAX_PARAMETERS}"


def broad_except(path: Path, tree: ast.Module) -> Iterator[Finding]:
    """An error is caught by its name: no bare ``except``, no ``except Exception``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if any(kind is None or ast.unparse(kind) in {"Exception", "BaseException"} for kind in caught):
            yield node.lineno, "catch the error by its name"


def sleeping(path: Path, tree: ast.Module) -> Iterator[Finding]:
    """Only the wait helper sleeps, between two looks at a condition. A test may do so in a loop of its own."""
    if path.name in WAIT_HELPERS:
        return
    waiting: set[ast.AST] = set()
    if path.parts[0] == "tests":
        loops = (node for node in ast.walk(tree) if isinstance(node, ast.While | ast.For))
        waiting = {inner for loop in loops for inner in ast.walk(loop)}
    for node in ast.walk(tree):
        if (
            node not in waiting
            and isinstance(node, ast.Call)
            and ast.unparse(node.func) in {"time.sleep", "sleep", "asyncio.sleep"}
        ):
            yield node.lineno, "wait on a condition, by the package's wait helper"


def salt_free(path: Path, tree: ast.Module) -> Iterator[Finding]:
    """Package ``saltern`` never imports Salt; its neighbour ``saltern_salt`` is the only one that does."""
    if path.parts[:2] != ("_utils", "saltern"):
        return
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        if isinstance(node, ast.Import | ast.ImportFrom) and any(name.split(".")[0] == "salt" for name in names):
            yield node.lineno, "imports salt"


def loader_docstrings(path: Path, tree: ast.Module) -> Iterator[Finding]:
    """A public function of a loader file has a docstring; a module's or a runner's has a CLI Example."""
    if path.parts[0] not in LOADER_FOLDERS:
        return
    for function in tree.body:
        if not isinstance(function, Function) or function.name.startswith("_"):
            continue
        docstring = ast.get_docstring(function) or ""
        if not docstring:
            yield function.lineno, f"{function.name} has no docstring"
        elif path.parts[0] in {"_modules", "_runners"} and "CLI Example" not in docstring:
            yield function.lineno, f"the docstring of {function.name} has no CLI Example"


def _functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


TEXT_RULES: tuple[Callable[[Path, str], Iterator[Finding]], ...] = (file_length, words)
PYTHON_RULES: tuple[Callable[[Path, ast.Module], Iterator[Finding]], ...] = (
    function_length,
    parameters,
    broad_except,
    sleeping,
    salt_free,
    loader_docstrings,
)


def check(root: Path) -> dict[str, list[str]]:
    """Applies every rule to every file; returns rule name -> findings as ``file:line: text``."""
    found: dict[str, list[str]] = {rule.__name__: [] for rule in (*TEXT_RULES, *PYTHON_RULES)}
    for path in files(root):
        if path.name in GENERATED:
            continue
        try:
            text = (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or a key ring
        for rule in TEXT_RULES:
            found[rule.__name__] += [f"{path}:{line}: {what}" for line, what in rule(path, text)]
        if interpreter(root / path) != "python":
            continue
        tree = ast.parse(text, filename=str(path))
        for python_rule in PYTHON_RULES:
            found[python_rule.__name__] += [f"{path}:{line}: {what}" for line, what in python_rule(path, tree)]
    return found
