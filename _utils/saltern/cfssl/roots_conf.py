"""``roots.conf`` of ``multirootca``: sections of ``name = value``, read as cfssl reads them.

Source of the grammar: cfssl's ``multiroot/config/config.go``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from saltern.errors import Problem

_SECTION = re.compile(r"\s*\[\s*(\w+)\s*\]\s*", re.ASCII)
_QUOTED = re.compile(r"\s*(\w+)\s*=\s*[\"'](.*)[\"']\s*", re.ASCII)
_PLAIN = re.compile(r"\s*(\w+)\s*=\s*(.*?)\s*", re.ASCII)
_WITHOUT_SECTION = "default"


def sections(text: str, file: str, problems: list[Problem]) -> dict[str, dict[str, str]]:
    """Label -> its settings; what is no line of such a file goes to ``problems``."""
    found: dict[str, dict[str, str]] = {}
    current = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("#") or not line.strip():
            continue
        if match := _SECTION.fullmatch(line):
            current = match[1]
            found.setdefault(current, {})
        elif match := _QUOTED.fullmatch(line) or _PLAIN.fullmatch(line):
            current = current or _WITHOUT_SECTION
            settings = found.setdefault(current, {})
            if match[1] in settings:
                problems.append(Problem(f"`{match[1]}` is here twice", where=f"{file}:{number}", cure="keep one."))
            settings[match[1]] = match[2]
        else:
            cure = "write `[label]`, `name = value` or a comment that begins with `#`."
            problems.append(Problem("is no line of a roots.conf", where=f"{file}:{number}", cure=cure))
    if not found and not problems:
        problems.append(Problem("names no root", where=file, cure="add a section `[label]`."))
    return found


def written(roots: Mapping[str, Mapping[str, str]]) -> str:
    """The text of a ``roots.conf``."""
    blocks = (
        f"[{label}]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items())
        for label, settings in roots.items()
    )
    return "\n".join(blocks)
