"""Creates through salt-cloud what the plan says is missing, and keeps the registry true while it does."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import salt.cloud
import salt.config
import salt.key
from salt.exceptions import SaltCloudException

from saltern import cloudconfig, names, plan
from saltern.errors import SalternError
from saltern.model import Definition, Group, LifeCycle, Node
from saltern.registry import Registry
from saltern_salt.answers import answer
from saltern_salt.minions import Minions
from saltern_salt.session import definition

CONFIGURATION = Path("/etc/salt")


@dataclass(frozen=True)
class Planned:
    """The plan of the running project."""

    actions: tuple[plan.Action, ...]

    def text(self) -> str:
        """As a table."""
        return plan.table(self.actions)

    def data(self) -> dict[str, Any]:
        """As data."""
        return {"actions": plan.as_data(self.actions)}


def make_plan(opts: dict[str, Any]) -> Planned:
    """What would have to change; changes nothing but salt-cloud's generated configuration."""
    declared, registry = definition(), Registry()
    client = open_cloud(declared, registry)
    actual = plan.Actual(frozenset(machine_names(client)), frozenset(_accepted_keys(opts)))
    machines = actual.machines - {names.SUPPORT}
    keys = actual.keys - {names.SUPPORT}
    return Planned(tuple(plan.plan(declared, registry.nodes(), plan.Actual(machines, keys))))


def build(opts: dict[str, Any], *, test: bool) -> Any:
    """Create every missing node, all at once."""
    planned = make_plan(opts)
    if not test and _remove_unfinished(planned):
        planned = make_plan(opts)
    missing = [action for action in planned.actions if action.verb is plan.Verb.CREATE]
    others = [action for action in planned.actions if action.verb is not plan.Verb.CREATE]
    left = f"\nNot touched:\n{plan.table(others)}" if others else ""
    data: dict[str, Any] = {"created": [], "failed": {}, "left": plan.as_data(others)}
    if not missing:
        return answer(opts, f"Every declared node exists.{left}", data)
    if test:
        return answer(opts, planned.text(), {**data, "actions": plan.as_data(missing)})
    declared, registry = definition(), Registry()
    client = open_cloud(declared, registry)
    nodes = [_register(declared, registry, action) for action in missing]
    results = _create(client, nodes)
    for node in nodes:
        if problem := _settle(registry, node, results.get(node.id)):
            data["failed"][node.id] = problem
        else:
            data["created"].append(node.id)
    _hand_over_modules(opts, data["created"])
    lines = [f"created {name}" for name in data["created"]]
    lines += [f"{name}: not created: {problem}" for name, problem in data["failed"].items()]
    cure = "\nCure: mend what the lines say and run cluster.build again." if data["failed"] else ""
    return answer(opts, "\n".join(lines) + cure + left, data, failed=bool(data["failed"]))


def _remove_unfinished(planned: Planned) -> bool:
    """Take away what a killed build left: nodes that were never finished hold nothing yet."""
    declared, registry = definition(), Registry()
    replaced = {action.node for action in planned.actions if action.verb is plan.Verb.REPLACE}
    begun = (LifeCycle.PLANNED, LifeCycle.CREATED)
    unfinished = [node.id for node in registry.nodes() if node.id in replaced and node.state in begun]
    if unfinished:
        print(f"removing what an earlier build did not finish: {', '.join(unfinished)}", file=sys.stderr, flush=True)
        open_cloud(declared, registry).destroy(unfinished)
        for node_id in unfinished:
            registry.remove(node_id)
    return bool(unfinished)


def _hand_over_modules(opts: dict[str, Any], created: list[str]) -> None:
    """New nodes get Saltern's modules now, so that the bootstrap can ask them at once."""
    if created:
        print("handing the modules to the new nodes …", file=sys.stderr, flush=True)
        minions = Minions(opts)
        minions.wait_until_connected(created)
        minions.call(created, "saltutil.sync_all")


def _register(declared: Definition, registry: Registry, action: plan.Action) -> Node:
    """The planned node, in the registry before the cloud sees it: a killed build leaves no unknown machine."""
    if action.node:
        return registry.node(action.node)
    group: Group = declared.groups[action.group]
    node = Node(
        id=names.new_node_id(group.name, {one.id for one in registry.nodes()}),
        group=group.name,
        role=group.role,
        zone=group.zone,
        node_class=group.node_class,
        keepers=names.keepers(declared, group),
    )
    registry.add(node)
    return node


def _create(client: Any, nodes: list[Node]) -> dict[str, Any]:
    """What salt-cloud says of each node. By a map: `profile` in parallel does not tell what became of them."""
    print(f"creating {', '.join(node.id for node in nodes)} …", file=sys.stderr, flush=True)
    groups = dict.fromkeys(node.group for node in nodes)
    wanted = {group: [node.id for node in nodes if node.group == group] for group in groups}
    try:
        return dict(client.map_run(map_data=wanted, parallel=len(nodes) > 1) or {})
    except SaltCloudException as error:
        return {node.id: {"Error": str(error)} for node in nodes}


def _settle(registry: Registry, node: Node, result: Any) -> str:
    """Write what became of a node; why it was not created, or nothing."""
    if not isinstance(result, dict) or "ipv4" not in result:
        registry.remove(node.id)  # the driver has rolled the machine and its key back
        return str((result or {}).get("Error", result) if isinstance(result, dict) else result or "no answer")
    registry.update(node.id, ipv4=result["ipv4"], ipv6=result["ipv6"], state=LifeCycle.CREATED)
    registry.update(node.id, state=LifeCycle.ACCEPTED)
    return ""


def open_cloud(declared: Definition, registry: Registry) -> Any:
    """salt-cloud with the provider and the profiles of this definition."""
    support = registry.node(names.SUPPORT)
    for path, content in cloudconfig.files(declared, support.address).items():
        file = CONFIGURATION / path
        file.parent.mkdir(mode=0o755, exist_ok=True)
        if not file.exists() or file.read_text(encoding="utf-8") != content:
            file.write_text(content, encoding="utf-8")
            file.chmod(0o600)
    return salt.cloud.CloudClient(path=str(CONFIGURATION / "cloud"))


def machine_names(client: Any) -> set[str]:
    """The names of the project's machines, whatever their provider calls itself.

    Not by ``query``: it takes a cloud that does not answer for an empty one, and every machine would seem to be gone.
    """
    try:
        found = client.action(fun="list_nodes_min", provider=cloudconfig.ALIAS)
    except SaltCloudException as error:
        raise SalternError(f"The cloud did not answer: {error}", cure="run this again when it does.") from error
    return {name for drivers in found.values() for nodes in drivers.values() for name in nodes}


def _accepted_keys(opts: dict[str, Any]) -> set[str]:
    with salt.key.Key(salt.config.client_config(opts["conf_file"])) as keys:
        return set(keys.list_keys()["minions"])
