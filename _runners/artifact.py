"""The support server's artifact store: fill it, list it, verify it."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saltern import paths
from saltern.artifacts.command import Screen
from saltern.artifacts.fetch import ENV_ORDER, Settings
from saltern.artifacts.fetch import fetch as fill
from saltern.artifacts.store import Store
from saltern_salt.answers import answer, no_traceback


@no_traceback
def fetch(*names: str, providers: str = "", rebuild: bool = False) -> Any:
    """Bring artifacts into the store; what is there already is left alone.

    CLI Example:

    .. code-block:: bash

        salt-run artifact.fetch
        salt-run artifact.fetch consul vault@1.21.1 providers=file,release

    Rights: root on the support server.

    :param names: artifacts of ``artifacts/manifest.yaml``, all of them without names.
    :param providers: ask these, in this order, of file, release, go, image. Otherwise the environment's
        ``SALTERN_ARTIFACT_PROVIDERS``, the master's option ``saltern_artifact_providers``, or the manifest decides.
    :param rebuild: fetch again what is in the store.
    :returns: one sentence for each artifact: which provider served it. Fails when any could not be served.
    """
    chosen = providers or ("" if os.environ.get(ENV_ORDER) else __opts__.get("saltern_artifact_providers") or "")
    order = tuple(str(chosen).split(",")) if isinstance(chosen, str) else tuple(chosen)
    settings = Settings(order=tuple(name.strip() for name in order if name.strip()))
    screen = Screen(sys.stderr)
    fetched = fill([str(name) for name in names], settings, screen.report, screen.say, rebuild=rebuild)
    text = "\n".join(one.sentence() for one in fetched)
    return answer(__opts__, text, {one.entry.name: asdict(one.entry) | {"new": one.new} for one in fetched})


@no_traceback
def list_() -> Any:
    """What the store holds.

    CLI Example:

    .. code-block:: bash

        salt-run artifact.list
        salt-run artifact.list --out=json

    Rights: root on the support server.

    :returns: name, version, size, licence, provider, sha256 and source of each artifact; sizes in bytes as data.
    """
    entries = Store(Path(paths.ARTIFACT_STORE)).entries()
    lines = [
        f"{one.name:<10} {one.version:<10} {one.size / 2**20:>6.1f} MiB  {one.licence:<12} {one.provider:<8} "
        f"sha256:{one.sha256}\n{'':<10} from {one.source}"
        for one in entries
    ]
    text = "\n".join(lines) or f"{paths.ARTIFACT_STORE} holds nothing. Cure: salt-run artifact.fetch"
    return answer(__opts__, text, {"artifacts": [asdict(one) for one in entries]})


@no_traceback
def verify() -> Any:
    """Read every artifact of the store and compare its sum with its record.

    CLI Example:

    .. code-block:: bash

        salt-run artifact.verify

    Rights: root on the support server.

    :returns: what is wrong, with the cure; exit status 1 then.
    """
    store = Store(Path(paths.ARTIFACT_STORE))
    problems = [str(problem) for problem in store.verify()]
    text = "\n".join(problems) or f"{len(store.entries())} artifacts are as recorded"
    return answer(__opts__, text, {"problems": problems}, failed=bool(problems))


__func_alias__ = {"list_": "list"}
