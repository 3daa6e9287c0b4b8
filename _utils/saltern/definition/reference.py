"""The reference page of the definition, printed from the tables that validate it.

``PYTHONPATH=_utils python3 -m saltern.definition.reference >docs/reference/definition.md`` renews the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from saltern.definition import minimums, network_rules, rules, schema
from saltern.definition.files import REQUIRED_ARTIFACTS
from saltern.definition.minimums import bytes_text
from saltern.definition.schema import REQUIRED, Key

_HEAD = """\
# The cluster definition

One document describes a cluster: `pillar/cluster/*.yaml`, read together and validated whole. Anything wrong is reported
at once, with its file, line, key and cure, and nothing is changed. The files are plain YAML without Jinja; a top-level
key may be spread over several files, but no name may stand twice.

This page is printed from the tables that validate the definition (`_utils/saltern/definition/`).

A *duration* is a number with one of `s`, `m`, `h`, `d`, `w`: `72h`, `7d`. A *size* is a number with one of `MB`, `GB`,
`TB`, `MiB`, `GiB`, `TiB`: `512MiB`. A *name* begins with a letter and holds letters a-z, digits and inner hyphens, at
most 32. A version that looks like a number is written in quotes.
"""
_SECTIONS = (
    ("Top level", "", schema.TOP),
    ("cluster", "", schema.CLUSTER),
    ("cluster.custody", "", schema.CUSTODY),
    ("versions", f"At least {', '.join(f'`{name}`' for name in REQUIRED_ARTIFACTS)}.", schema.VERSION),
    ("zones.&lt;name&gt;", "", schema.ZONE),
    ("sizes.&lt;name&gt;", "", schema.SIZE),
    ("groups.&lt;name&gt;", "", schema.GROUP),
)


def page() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD]
    for title, remark, keys in _SECTIONS:
        parts.append("\n".join([f"## {title}\n", *([f"{remark}\n"] if remark else []), *table(keys), ""]))
    parts.append(_least())
    parts.append(_rules())
    return "\n".join(parts)


def table(keys: Iterable[Key]) -> list[str]:
    """One Markdown row for each key; other pages print their tables by it, too."""
    rows = ["| key | value | without it | meaning |", "|---|---|---|---|"]
    for key in keys:
        shape = key.shape.replace("|", "or")
        rows.append(f"| `{key.name}` | {shape} | {_default(key.default, key.shape)} | {key.meaning} |")
    return rows


def _default(value: Any, shape: str) -> str:
    if value is REQUIRED:
        return "refused"
    if value is None or value == ():
        return "see there" if value is None else "empty"
    if shape == "duration":
        unit, seconds = next((unit, size) for unit, size in (("d", 86400), ("s", 1)) if value % size == 0)
        return f"`{value // seconds}{unit}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value != "" else "empty"


def _least() -> str:
    rows = ["## The least that a node needs\n", "| role | disk | memory |", "|---|---|---|"]
    for role, disk in minimums.DISK.items():
        rows.append(f"| {role} | {bytes_text(disk)} | {bytes_text(minimums.MEMORY[role])} |")
    classes = ", ".join(f"`{name}`" for name in minimums.SYSTEM_JOBS_CLASSES)
    rows.append(f"""
With several roles a node needs the largest disk and the sum of the memory; on top of that sum every node needs
{bytes_text(minimums.BASE_MEMORY)} for the system itself. A Nomad client with a smaller disk, down to
{bytes_text(minimums.SYSTEM_JOBS_DISK)}, may take system jobs only: its node_class is {classes}.
""")
    return "\n".join(rows)


def _rules() -> str:
    """The first sentence of each rule's docstring."""
    every = (*rules.RULES, *network_rules.NETWORK_RULES)
    lines = [f"- {(rule.__doc__ or '').strip()}" for rule in every]
    taken = ", ".join(f"{network} ({by})" for network, by in network_rules.TAKEN.items())
    return "\n".join([
        "## Rules over several keys\n",
        *lines,
        "- Each operator has a PGP public key that can be encrypted to; no key file is left over.",
        "- Every version is in `artifacts/manifest.yaml`.",
        "",
        f"Quorum roles are {', '.join(rules.QUORUM_ROLES)}: {' or '.join(map(str, rules.QUORUM_SIZES))} nodes each, "
        f"never placed by {', '.join(rules.PLACEMENTS_TOGETHER)}.",
        f"Networks that are taken: {taken}.",
        f"Reserved names of groups: {', '.join(rules.RESERVED_GROUPS)}; of zones: {', '.join(rules.RESERVED_ZONES)}.",
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    print(page(), end="")
