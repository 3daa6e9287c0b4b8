"""The facts of this machine through Salt's own module loader."""

import time
from pathlib import Path
from typing import Any

import pytest
import salt.config
import salt.loader

from saltern.preflight.facts import from_data

REPOSITORY = Path(__file__).parents[2]
MAXIMUM_SECONDS = 3.0


@pytest.fixture
def modules(tmp_path: Path) -> Any:
    options: dict[str, Any] = salt.config.DEFAULT_MINION_OPTS.copy()
    options |= {
        "root_dir": str(tmp_path),
        "cachedir": str(tmp_path / "cache"),
        "extension_modules": str(tmp_path / "extmods"),
        "module_dirs": [str(REPOSITORY)],
        "utils_dirs": [str(REPOSITORY / "_utils")],
        "file_client": "local",
        "id": "edge-a",
    }
    options["grains"] = salt.loader.grains(options)
    return salt.loader.minion_mods(options)


def test_a_node_tells_its_facts_quickly(modules: Any) -> None:
    modules["preflight.facts"]()  # the first call loads the modules
    before = time.time()
    facts = from_data(modules["preflight.facts"]())
    assert before <= facts.time <= time.time()
    assert time.time() - before < MAXIMUM_SECONDS
    assert facts.salt == salt.version.__version__
    assert all(not address.startswith(("127.", "fe80")) for address in facts.addresses)
