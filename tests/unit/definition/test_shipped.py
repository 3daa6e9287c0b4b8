"""The definition that the project ships, its reference page, and the cache that the external pillar uses."""

import os
import shutil
from pathlib import Path

import pytest
import yaml

from saltern import definition
from saltern.definition import minimums, reference, schema
from saltern.errors import Problems
from saltern.model import ROLES

REPOSITORY = Path(__file__).parents[3]
SHIPPED = REPOSITORY / "pillar" / "cluster"
PAGE = REPOSITORY / "docs" / "reference" / "definition.md"
KEYS = Path(__file__).parent / "base" / "operators"
LAB_MEMORY = 4 * 2**30  # bytes, of all nodes together
LAB_DISK = 8 * 10**9  # bytes, of each node


def manifest() -> dict[str, list[str]]:
    """Versions by name, as the pinned list of artifacts has them."""
    listed = yaml.safe_load((REPOSITORY / "artifacts" / "manifest.yaml").read_text(encoding="utf-8"))["artifacts"]
    return {one["name"]: [other["version"] for other in listed if other["name"] == one["name"]] for one in listed}


def test_the_shipped_definition_is_valid() -> None:
    found = definition.load(SHIPPED, operators=KEYS, artifacts=manifest())
    counts = {name: group.count for name, group in found.groups.items()}
    assert counts == {"support": 1, "server": 3, "general": 1, "edge": 1}
    assert {group.node_class for group in found.groups_with("nomad-client")} == {"general", "load-balancer"}


def test_the_shipped_definition_fits_a_small_machine() -> None:
    found = definition.load(SHIPPED, operators=KEYS)
    sizes = [found.sizes[group.size] for group in found.groups.values() for _ in range(group.count)]
    assert sum(size.memory for size in sizes) <= LAB_MEMORY
    assert max(size.disk for size in sizes) <= LAB_DISK


def test_the_reference_page_is_what_the_tables_say() -> None:
    renew = "PYTHONPATH=_utils python3 -m saltern.definition.reference >docs/reference/definition.md"
    assert PAGE.read_text(encoding="utf-8") == reference.page(), renew


def test_every_role_has_its_least_disk_and_memory() -> None:
    assert minimums.DISK.keys() == minimums.MEMORY.keys() == set(ROLES)


def test_every_key_is_explained() -> None:
    for keys in (schema.TOP, schema.CLUSTER, schema.CUSTODY, schema.ZONE, schema.SIZE, schema.GROUP):
        assert all(key.meaning.endswith(".") for key in keys)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(Path(__file__).parent / "base", tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_an_unchanged_definition_is_read_once(copy: Path) -> None:
    assert definition.load_cached(copy) is definition.load_cached(copy)


def test_a_changed_definition_is_read_again(copy: Path) -> None:
    before = definition.load_cached(copy)
    file = copy / "definition.yaml"
    text, stat = file.read_text(encoding="utf-8"), file.stat()
    file.write_text(text.replace("name: test", "name: best"), encoding="utf-8")  # of the same length
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert (before.name, definition.load_cached(copy).name) == ("test", "best")


def test_a_broken_change_is_told_and_not_hidden_by_the_cache(copy: Path) -> None:
    definition.load_cached(copy)
    (copy / "more.yaml").write_text("groops: {}\n", encoding="utf-8")
    with pytest.raises(Problems, match="did you mean `groups`"):
        definition.load_cached(copy)
