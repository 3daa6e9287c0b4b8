"""Vault's one-shot answer: journalled whole, and handed over by the next run when this one was killed."""

import os
from types import SimpleNamespace

import pytest

from saltern.bootstrap import operators
from saltern.clients.vault_system import Initialised
from saltern.custody import Custody
from saltern.errors import StepFailed
from saltern.journal import Journal
from saltern.model import Node

NODE = Node("server-a", "server", ("vault",), "core", "general", "10.99.0.11")
SHARES = {"ada": "c2VhbGVkIHRvIGFkYQ==", "grace": "c2VhbGVkIHRvIGdyYWNl"}


class Vault:
    """A Vault that answers its initialisation once."""

    def __init__(self):
        self.calls = 0

    def is_reachable(self):
        return True

    def is_initialised(self):
        return self.calls > 0

    def initialise(self, shares, threshold, pgp_keys, *, recovery):
        self.calls += 1
        assert (shares, threshold, pgp_keys, recovery) == (2, 2, ["key of ada", "key of grace"], True)
        return Initialised("the root token", list(SHARES.values()))


@pytest.fixture
def cluster(tmp_path):
    key, vault = os.urandom(32), Vault()
    custody = SimpleNamespace(threshold=2, operators=tuple(SHARES))
    definition = SimpleNamespace(custody=custody, operator_keys={name: f"key of {name}" for name in SHARES})
    return SimpleNamespace(
        definition=definition,
        journal=Journal(str(tmp_path / "journal.sqlite"), lambda: key),
        custody=Custody(str(tmp_path / "custody")),
        vault=lambda node: vault,
    )


def test_the_answer_is_journalled_and_the_shares_are_handed_over(cluster):
    operators.initialise(cluster, NODE, "vault-recovery", recovery=True)
    assert cluster.journal.secret("vault_root_token") == "the root token"
    assert {who: cluster.custody.share("vault-recovery", who).strip() for who in SHARES} == SHARES


def test_a_run_that_was_killed_before_it_handed_the_shares_over_loses_none(cluster, monkeypatch):
    def killed(self, secret, sealed):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Custody, "put", killed)
        operators.initialise(cluster, NODE, "vault-recovery", recovery=True)
    assert cluster.custody.holders("vault-recovery") == ()
    operators.initialise(cluster, NODE, "vault-recovery", recovery=True)
    assert cluster.vault(NODE).calls == 1
    assert {who: cluster.custody.share("vault-recovery", who).strip() for who in SHARES} == SHARES


def test_an_answer_that_was_lost_stops_with_its_runbook(cluster):
    cluster.vault(NODE).calls = 1
    with pytest.raises(StepFailed, match="vault-lost-answer"):
        operators.initialise(cluster, NODE, "vault-recovery", recovery=True)
