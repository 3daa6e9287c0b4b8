"""The tiers, from quick to slow, and how long each may take."""

from __future__ import annotations

from dataclasses import dataclass

ARTIFACTS = "artifacts"  # preparations
BASE_IMAGE = "base image"


@dataclass(frozen=True)
class Tier:
    """A kind of test.

    :param minutes: after these the tier is ended and counts as failed.
    :param case_seconds: after these one test is ended and counts as failed.
    :param salt_factories: whether pytest loads the plugins of pytest-salt-factories.
    :param needs: preparations that must have ended before it.
    """

    name: str
    proves: str
    minutes: float
    case_seconds: int = 120
    salt_factories: bool = False
    needs: tuple[str, ...] = ()


TIERS = (
    Tier("lint", "the tree follows its rules: ruff, mypy, import-linter, salt-lint, shellcheck, house rules", 10),
    Tier("unit", "decisions are right, without Salt, network or root", 10, 60),
    Tier("render", "every state and template renders for every role", 10, 120),
    Tier("functional", "loader files load and work in Salt's own loaders, without daemons", 10, 180, True),
    Tier(
        "integration",
        "a real master and a real minion, real services, each as a process on this machine",
        15,
        300,
        True,
        (ARTIFACTS,),
    ),
    Tier(
        "lab",
        "real nodes become a verified cluster, and it is noticed when it no longer is one",
        45,
        1800,
        needs=(ARTIFACTS, BASE_IMAGE),
    ),
)
NAMES = tuple(tier.name for tier in TIERS)
PREPARATION_MINUTES = 60.0  # artifacts are built from source where no release can be downloaded
RUN_MINUTES = 84.0  # the whole run; what is not done by then has failed


def named(names: list[str]) -> list[Tier]:
    """The tiers of these names, in their order; all of them when none is named."""
    return [tier for tier in TIERS if not names or tier.name in names]
