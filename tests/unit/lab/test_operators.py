"""The lab's operators: real keys by a real GnuPG; only the files of the support node are made up."""

from __future__ import annotations

import pytest

from saltern.clients import pgp
from saltern.errors import LabError
from saltern_lab import inside, operators
from saltern_lab.node import LabNode
from saltern_lab.settings import Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A lab with three operators."""
    patch = pytest.MonkeyPatch()
    patch.setattr("saltern_lab.settings.ROOT", tmp_path_factory.mktemp("labs"))
    lab = Lab("unit")
    operators.ensure_keys(lab, ["ada", "grace", "mary"])
    yield lab
    operators.end_agents(lab)
    patch.undo()


@pytest.fixture
def support(lab, monkeypatch):
    """The support node, its files, and the commands it was given with their standard input."""
    node = LabNode(lab, "support")
    files: dict[str, bytes] = {}
    given: list[tuple[tuple[str, ...], bytes]] = []
    monkeypatch.setattr(inside, "read_file", lambda _node, path: files.get(path))
    monkeypatch.setattr(inside, "run", lambda _node, command, stdin: given.append((tuple(command), stdin)) or "done\n")
    return node, files, given


def seal(lab, secret):
    """The files of a secret in custody: each operator's share is ``share of <name>``."""
    keys = operators.ensure_keys(lab, ["ada", "grace", "mary"])
    return {
        f"{operators.CUSTODY}/{secret}/{name}.b64": pgp.seal(f"share of {name}", key, name).encode()
        for name, key in keys.items()
    }


def test_keys_are_made_once_and_are_each_operators_own(lab):
    keys = operators.ensure_keys(lab, ["ada", "grace", "mary"])
    assert len(set(keys.values())) == 3
    assert all("BEGIN PGP PUBLIC KEY BLOCK" in key for key in keys.values())
    assert operators.ensure_keys(lab, ["grace"]) == {"grace": keys["grace"]}
    assert (lab.operators / "ada").stat().st_mode & 0o777 == 0o700


def test_as_many_operators_as_needed_open_their_shares(lab, support):
    node, files, _ = support
    files.update(seal(lab, "transit-unseal"))
    assert operators.shares(node, "transit-unseal", 2) == ["share of ada", "share of grace"]
    assert operators.shares(node, "vault-unseal", 2) == []


def test_shares_go_to_whoever_waits_on_standard_input(lab, support):
    node, files, given = support
    files.update(seal(lab, "transit-unseal") | seal(lab, "vault-unseal"))
    files[operators.AWAITING] = b"vault-unseal\n"
    assert operators.waiting_for(node) == "vault-unseal"
    assert operators.unseal(node, 2) == "done\n"
    assert given == [(("salt-run", "cluster.unseal"), b"share of ada\nshare of grace\n")]


def test_nothing_in_custody_is_an_error(support):
    with pytest.raises(LabError, match="custody"):
        operators.unseal(support[0], 3)


@pytest.mark.parametrize("content", [b"../../etc/shadow\n", b"", b"Vault\n", b"\xff\n"])
def test_a_waiting_file_that_names_no_secret_is_ignored(support, content):
    node, files, _ = support
    files[operators.AWAITING] = content
    assert operators.waiting_for(node) == ""
