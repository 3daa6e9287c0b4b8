"""A minion without a master that compiles states by Salt's own renderers and runs none."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import salt.state

ROOT = Path(__file__).parents[2]


class Rendered:
    """A minion that compiles states for one pillar.

    :param grains: what the minion claims.
    """

    def __init__(self, opts: dict[str, Any], pillar: dict[str, Any], grains: dict[str, Any]) -> None:
        # Salt's own dictionary of options does not copy its changes: a plain one does.
        self.opts = copy.deepcopy(opts)
        self.opts["id"] = pillar["saltern"].get("node", {}).get("id", "stranger")
        self.opts["grains"] = {**opts["grains"], **grains, "id": self.opts["id"]}
        self.highstate = salt.state.HighState(self.opts, initial_pillar=pillar)
        self.opts["pillar"] = pillar

    def chunks(self) -> list[dict[str, Any]]:
        """The low state of the whole highstate, in the order of its run; fails with Salt's own errors."""
        return self._compiled(self.highstate.compile_low_chunks())

    def chunks_of(self, sls: str) -> list[dict[str, Any]]:
        """The low state of one state file with what it includes, as ``state.apply <sls>`` would run it."""
        state = self.highstate.state
        high, errors = self.highstate.render_highstate({"base": [sls]})
        high, more = state.reconcile_extend(high)
        errors += more + state.verify_high(high)
        high, more = state.requisite_in(high)
        assert errors + more == []
        chunks, errors = state.compile_high_data(high)
        assert not errors
        return self._compiled(chunks)

    def _compiled(self, chunks: list[Any]) -> list[dict[str, Any]]:
        errors = [chunk for chunk in chunks if isinstance(chunk, str)]
        assert errors == []
        return chunks

    def template(self, source: str, target: Path) -> str:
        """A ``salt://`` template as ``file.managed`` writes it; an undefined value raises."""
        found = self.highstate.state.functions["file.get_managed"](
            str(target), "jinja", source, "", "", "root", "root", "0640", None, "base", None, None, skip_verify=True
        )
        path, _, problem = found
        assert not problem, problem
        return Path(path).read_text(encoding="utf-8")

    def close(self) -> None:
        """Ends what Salt opened."""
        self.highstate.destroy()
