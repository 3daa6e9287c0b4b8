"""Real services for the clients' tests; each module gets its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support_services import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A place for this module's services."""
    made = Bench(tmp_path_factory.mktemp("services"))
    yield made
    made.close()
