"""The door logs refusals."""

from __future__ import annotations

import pytest

import support_pki


@pytest.fixture(scope="session", autouse=True)
def quiet_exit() -> None:
    support_pki.quiet_exit()
