"""What a running cluster cannot change is refused before anything is touched."""

import os
from types import SimpleNamespace

import pytest

from saltern.bootstrap.steps import preflight, secrets_generated
from saltern.errors import Problems
from saltern.journal import Journal


@pytest.fixture
def cluster(tmp_path):
    key = os.urandom(32)
    definition = SimpleNamespace(name="lab", datacenter="dc1", region="global", seal="transit")
    journal = Journal(str(tmp_path / "journal.sqlite"), lambda: key)
    return SimpleNamespace(definition=definition, journal=journal, nodes=[], preflight=list)


def test_a_first_bootstrap_may_declare_anything(cluster):
    assert preflight.check(cluster)


@pytest.mark.parametrize("key", preflight.FIXED)
def test_a_later_change_is_refused_with_its_cure(cluster, key):
    secrets_generated.apply(cluster)
    assert preflight.check(cluster)
    setattr(cluster.definition, key, "another")
    with pytest.raises(Problems, match=f"cluster.{key}: .*now says another.*Cure: put"):
        preflight.check(cluster)
