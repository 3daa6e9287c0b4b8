"""The steps of the bootstrap, one a file.

A step file has ``TITLE`` (what holds afterwards, as a sentence), ``NEEDS`` (names of steps), ``check``, ``apply`` and
``verify``, each taking the :class:`~saltern.bootstrap.cluster.Cluster`; and ``SEALS`` when only some
seals need it. Its name is the file's, with hyphens. A file put here is part of the graph and of its tests.
"""

from __future__ import annotations

import importlib
import pkgutil

from saltern.bootstrap.cluster import Cluster
from saltern.bootstrap.engine import Step, order
from saltern.model import Definition


def graph(definition: Definition) -> list[Step[Cluster]]:
    """The steps for this definition, in an order that respects their needs."""
    steps = [_step(module.name) for module in pkgutil.iter_modules(__path__)]
    chosen = {name: step for name, step, seals in steps if definition.seal in seals}
    known = {name for name, _, _ in steps}
    return order(_without(step, known - set(chosen)) for step in chosen.values())


def _step(stem: str) -> tuple[str, Step[Cluster], tuple[str, ...]]:
    module = importlib.import_module(f"{__name__}.{stem}")
    name = stem.replace("_", "-")
    step = Step(name, module.TITLE, module.NEEDS, module.check, module.apply, module.verify)
    return name, step, getattr(module, "SEALS", ("transit", "shamir"))


def _without(step: Step[Cluster], absent: set[str]) -> Step[Cluster]:
    """The step without its needs that this definition's seal leaves out."""
    needs = tuple(need for need in step.needs if need not in absent)
    return Step(step.name, step.title, needs, step.check, step.apply, step.verify)
