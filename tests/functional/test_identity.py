"""The state that opens every highstate, in Salt's own loaders and state compiler."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import salt.config
import salt.loader
import salt.state

REPOSITORY = Path(__file__).parents[2]
NODE = {"id": "edge-a", "role": ["nomad-client"], "zone": "user", "node_class": "load-balancer"}
STATES = {
    "the node is what the registry says": {"identity": ["verified", {"order": "first"}, {"failhard": True}]},
    "something else happens": {"test": ["succeed_with_changes"]},
}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def highstate(grains: dict[str, Any], pillar: dict[str, Any]) -> dict[str, Any]:
        options: dict[str, Any] = salt.config.DEFAULT_MINION_OPTS.copy()
        options |= {
            "root_dir": str(tmp_path),
            "cachedir": str(tmp_path / "cache"),
            "extension_modules": str(tmp_path / "extmods"),
            "module_dirs": [str(REPOSITORY)],
            "utils_dirs": [str(REPOSITORY / "_utils")],
            "file_client": "local",
            "id": "edge-a",
            "grains": grains,
            "pillar": pillar,
            "__cli": "salt-call",
        }
        compiler = salt.state.State(options, pillar_override=None, initial_pillar=pillar)
        found: dict[str, Any] = compiler.call_high(STATES)
        return found

    return highstate


def test_a_true_node_goes_on(run: Callable[..., dict[str, Any]]) -> None:
    results = run(dict(NODE), {"saltern": {"node": NODE}})
    assert sorted(one["result"] for one in results.values()) == [True, True]
    assert all(not one["changes"] for tag, one in results.items() if tag.startswith("identity"))


@pytest.mark.parametrize(
    ("grains", "pillar", "text"),
    [
        ({**NODE, "role": ["consul-server"]}, {"node": NODE}, "the grain role is `consul-server`"),
        ({**NODE, "zone": "core"}, {"node": NODE}, "the grain zone is `core`, but the registry says `user`"),
        ({**NODE, "id": "edge-b"}, {"node": NODE}, "calls itself `edge-b`"),
        (NODE, {"unknown": True}, "the registry does not know this node"),
        (NODE, {"unknown": True, "state": "created"}, "its Salt key was never proved"),
    ],
)
def test_a_lie_stops_the_highstate(
    run: Callable[..., dict[str, Any]], grains: dict[str, Any], pillar: dict[str, Any], text: str
) -> None:
    results = run(dict(grains), {"saltern": pillar})
    (only,) = [one for one in results.values() if one["result"] is False]
    assert text in only["comment"]
    assert "Cure:" in only["comment"]
    assert not [tag for tag in results if tag.startswith("test")], "the highstate went on"
