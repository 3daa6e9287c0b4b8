"""Runs states in Salt's own loaders and state compiler, without a master."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import salt.config
import salt.state

REPOSITORY = Path(__file__).parents[2]


def results(root: Path, high: dict[str, Any], test: bool = False) -> dict[str, Any]:
    """What each state of the high data returned, by its id.

    :param root: a temporary directory for everything that Salt writes.
    """
    options: dict[str, Any] = salt.config.DEFAULT_MINION_OPTS.copy()
    options |= {
        "root_dir": str(root),
        "cachedir": str(root / "cache"),
        "extension_modules": str(root / "extmods"),
        "module_dirs": [str(REPOSITORY)],
        "file_client": "local",
        "id": "edge-a",
        "grains": {},
        "test": test,
        "__cli": "salt-call",
    }
    compiler = salt.state.State(options, pillar_override=None, initial_pillar={})
    return {tag.split("_|-")[1]: result for tag, result in compiler.call_high(high).items()}
