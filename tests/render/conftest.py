"""Salt's own renderers, requisites and templates over this tree, without a master and without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import salt.config
import salt.loader

from render.minion import ROOT, Rendered


@pytest.fixture(scope="session")
def minion_opts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("minion")
    opts: dict[str, Any] = dict(salt.config.minion_config(None, minion_id="render", cache_minion_id=False))
    opts |= {
        "root_dir": str(root),
        "cachedir": str(root / "cache"),
        "extension_modules": str(root / "extmods"),
        "pki_dir": str(root / "pki"),
        "sock_dir": str(root / "sock"),
        "log_file": str(root / "log"),
        "file_client": "local",
        "use_master_when_local": False,
        "file_roots": {"base": [str(ROOT / "salt")]},
        "pillar_roots": {"base": [str(root / "pillar")]},
        "module_dirs": [str(ROOT)],
        "enable_fqdns_grains": False,
        "test": True,
    }
    for folder in ("cache", "extmods", "pillar"):
        (root / folder).mkdir()
    opts["grains"] = salt.loader.grains(opts)
    return opts


@pytest.fixture
def render(minion_opts: dict[str, Any]) -> Iterator[Callable[[dict[str, Any]], Rendered]]:
    """Makes a minion for a pillar; its grains are what the pillar's node has."""
    made: list[Rendered] = []

    def make(pillar: dict[str, Any]) -> Rendered:
        node = pillar["saltern"].get("node", {})
        grains = {key: node[key] for key in ("role", "zone", "node_class") if key in node}
        made.append(Rendered(minion_opts, pillar, grains))
        return made[-1]

    yield make
    for one in made:
        one.close()
