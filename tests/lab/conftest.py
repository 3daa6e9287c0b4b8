"""The one whole cluster that the tests of this folder share: it costs minutes to make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cluster_lab import Lab


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab with the default definition, bootstrapped; taken down after the last test."""
    lab = Lab()
    try:
        print(lab.run("up", seconds=1700))
        yield lab
    finally:
        lab.run("down")
