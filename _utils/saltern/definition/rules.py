"""Rules over several keys. Each is a function of the draft that yields problems; ``RULES`` lists them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from saltern.definition import minimums, schema
from saltern.definition.draft import Draft
from saltern.definition.minimums import bytes_text
from saltern.definition.schema import Section
from saltern.definition.typed import meant
from saltern.errors import Problem

QUORUM_ROLES = ("consul-server", "vault", "nomad-server")
QUORUM_SIZES = (3, 5)
# Nomad's built-in names: a zone becomes a node pool and a namespace of its own.
RESERVED_ZONES = ("all", "default")
# Names by which nodes find the master and themselves.
RESERVED_GROUPS = ("localhost", "master", "salt")
PLACEMENTS_TOGETHER = ("stack", "pack-by-flavor", "affinity")
MAXIMUM_CLOCK_SKEW = 60  # seconds; tokens and certificates are valid to the second
LIFETIMES_PER_OUTAGE = 3

Rule = Callable[[Draft], Iterator[Problem]]


def _names_exist(draft: Draft) -> Iterator[Problem]:
    """Groups name zones, sizes and images that exist."""
    provider = draft.cluster.get("provider", "")
    for group in draft.groups.values():
        choices = {
            "zone": list(draft.zones),
            "size": list(draft.sizes),
            "image": list(schema.IMAGES_OF_PROVIDER.get(provider, ())),
        }
        for key, known in choices.items():
            if key in group and known and group[key] not in known:
                what = f"the {key} `{group[key]}` is not declared"
                yield Problem(what, where=group.where(key), cure=meant(group[key], known))


def _names_are_free(draft: Draft) -> Iterator[Problem]:
    """Reserved names stay free, and the group of the support server has the support server's id."""
    for name, zone in draft.zones.items():
        if name in RESERVED_ZONES:
            what = f"`{name}` is a name of Nomad's own"
            yield Problem(what, where=str(zone.place), cure="give the zone another name.")
    for name, group in draft.groups.items():
        is_support = "support" in group.get("role", ())
        if name in RESERVED_GROUPS:
            yield Problem(f"`{name}` is reserved", where=str(group.place), cure="give the group another name.")
        elif "role" in group and is_support != (name == "support"):
            what = "the group of the support server is called `support`, and no other group is"
            yield Problem(what, where=str(group.place), cure="rename the group, or correct its role.")


def _roles_go_together(draft: Draft) -> Iterator[Problem]:
    """The support server is alone; tenants' containers never run beside the control plane."""
    for _, group in draft.groups_with("support"):
        if len(group["role"]) > 1:
            what = "the role `support` stands alone: the CA's keys share a machine with nothing else"
            yield Problem(what, where=group.where("role"), cure="move the other roles to a group of their own.")
    for _, group in draft.groups_with("nomad-client"):
        beside = [role for role in group["role"] if role in QUORUM_ROLES]
        if beside:
            what = f"`nomad-client` cannot share nodes with {', '.join(beside)}: its containers are tenants'"
            yield Problem(what, where=group.where("role"), cure="give the Nomad clients a group of their own.")
    for group in draft.groups.values():
        special = group.get("node_class", "general") != "general"
        if special and "nomad-client" not in group.get("role", ("nomad-client",)):
            what = f"the node_class `{group['node_class']}` is for Nomad clients"
            yield Problem(what, where=group.where("node_class"), cure="leave it out, or correct the role.")


def _control_plane_is_core(draft: Draft) -> Iterator[Problem]:
    """Servers of a quorum and the support server are in a zone of kind core."""
    for _, group in draft.groups_with("support", *QUORUM_ROLES):
        zone = draft.zones.get(group.get("zone", ""))
        if zone and zone.get("kind", "core") != "core":
            what = f"the control plane cannot be in the zone `{group['zone']}` of kind `{zone['kind']}`"
            yield Problem(what, where=group.where("zone"), cure="name a zone of kind `core`.")


def _counts(draft: Draft) -> Iterator[Problem]:
    """Three or five servers of each quorum, one support server, at least one Nomad client."""
    single = bool(draft.cluster.get("single_server"))
    for role in QUORUM_ROLES:
        if _is_counted(draft, role):
            yield from _quorum_count(draft, role, single)
    if _is_counted(draft, "support") and (total := _total(draft, "support")) != 1:
        what = f"{total} support servers; there is exactly one"
        yield Problem(what, where=_where_counted(draft, "support"), cure="set its count to 1.")
    if _is_counted(draft, "nomad-client") and not _total(draft, "nomad-client"):
        where, cure = _where_counted(draft, "nomad-client"), "add a group of role `nomad-client`."
        yield Problem("no Nomad client: nothing could run", where=where, cure=cure)


def _quorum_count(draft: Draft, role: str, single: bool) -> Iterator[Problem]:
    total, where = _total(draft, role), _where_counted(draft, role)
    if total == 1 and not single:
        what = f"one {role} alone survives nothing"
        cure = "set the count to 3 or 5, or for a trial on one machine `single_server: true` under `cluster:`."
        yield Problem(what, where=where, cure=cure)
    elif single and total != 1:
        what = f"`single_server: true` goes with exactly one {role}, but there are {total}"
        yield Problem(what, where=where, cure="set the count to 1, or remove `single_server`.")
    elif not single and total not in QUORUM_SIZES:
        why = "an even number survives no more than one less" if total % 2 == 0 else "that many make it only slower"
        what = f"{total} nodes have the role {role}; {why}" if total else f"no node has the role {role}"
        yield Problem(what, where=where, cure="set the count to 3 (survives one failure) or 5 (survives two).")


def _is_counted(draft: Draft, role: str) -> bool:
    """Whether the number of nodes with ``role`` is known: else the count would accuse what another line got wrong."""
    groups = [group for _, group in draft.groups_with(role)]
    if not groups:
        return bool(draft.groups) and all("role" in group for group in draft.groups.values())
    return all("count" in group for group in groups)


def _total(draft: Draft, role: str) -> int:
    return sum(group["count"] for _, group in draft.groups_with(role))


def _where_counted(draft: Draft, role: str) -> str:
    return ", ".join(group.where("count") for _, group in draft.groups_with(role)) or draft.where("groups")


def _placement(draft: Draft) -> Iterator[Problem]:
    """Servers of one quorum never share a hypervisor."""
    for _, group in draft.groups_with(*QUORUM_ROLES):
        if group.get("placement") in PLACEMENTS_TOGETHER:
            what = f"the placement `{group['placement']}` would put servers of one quorum on one hypervisor"
            yield Problem(what, where=group.where("placement"), cure="set `anti-affinity` or `spread`.")


def _sizes_suffice(draft: Draft) -> Iterator[Problem]:
    """Disk and memory reach the declared minimum of the group's roles."""
    for group in draft.groups.values():
        if group.has("role", "node_class"):
            needed = {
                "disk": minimums.disk(group["role"], group["node_class"]),
                "memory": minimums.memory(group["role"]),
            }
            for what, least in needed.items():
                yield from _size_suffices(draft, group, what, least)


def _size_suffices(draft: Draft, group: Section, what: str, least: int) -> Iterator[Problem]:
    amount = draft.size_of(group, what)
    if amount is None or amount >= least:
        return
    roles, name = ", ".join(group["role"]), group["size"]
    text = f"the size `{name}` has {bytes_text(amount)} of {what}; {roles} needs {bytes_text(least)}"
    cure = f"name a size with at least {bytes_text(least)} of {what}"
    if what == "disk" and roles == "nomad-client" and amount >= minimums.SYSTEM_JOBS_DISK:
        classes = " or ".join(minimums.SYSTEM_JOBS_CLASSES)
        cure += f", or let the small disk take system jobs only: node_class {classes}"
    yield Problem(text, where=group.where("size"), cure=cure + ".")


def _custody(draft: Draft) -> Iterator[Problem]:
    """The operators can reach the threshold, and one alone cannot where there are several."""
    if not draft.custody.has("threshold", "operators"):
        return
    threshold, operators = draft.custody["threshold"], len(draft.custody["operators"])
    where = draft.custody.where("threshold")
    if threshold > operators:
        what = f"{threshold} operators are needed, but only {operators} are named: nothing could ever be opened"
        yield Problem(what, where=where, cure=f"set it to at most {operators}, or name more operators.")
    elif threshold == 1 and operators > 1:
        what = "one operator alone could open everything, and Vault makes no such shares"
        yield Problem(what, where=where, cure="set it to 2 or more; 3 of 5 is usual.")


def _times(draft: Draft) -> Iterator[Problem]:
    """Certificates outlive an outage of the support server; clocks agree well enough for tokens."""
    cluster = draft.cluster
    if cluster.has("leaf_lifetime", "tolerated_support_outage"):
        life, outage = cluster["leaf_lifetime"], cluster["tolerated_support_outage"]
        if life < LIFETIMES_PER_OUTAGE * outage:
            what = f"is less than {LIFETIMES_PER_OUTAGE} x tolerated_support_outage: certificates would run out first"
            cure = f"set it to at least `{LIFETIMES_PER_OUTAGE * outage // 3600}h`, or tolerate a shorter outage."
            yield Problem(what, where=cluster.where("leaf_lifetime"), cure=cure)
    if cluster.get("maximum_clock_skew", 0) > MAXIMUM_CLOCK_SKEW:
        what = f"is more than {MAXIMUM_CLOCK_SKEW}s: tokens and certificates would fail at random"
        yield Problem(what, where=cluster.where("maximum_clock_skew"), cure="set it to `5s`, and run a time service.")


def _userdata_keeps_no_secret(draft: Draft) -> Iterator[Problem]:
    """Userdata can be read by everything on the node: no private key in it."""
    for group in draft.groups.values():
        if "PRIVATE KEY" in group.get("userdata", ""):
            what = "userdata holds a private key, and everything on the node can read userdata"
            yield Problem(what, where=group.where("userdata"), cure="remove it, and replace that key.")


RULES: tuple[Rule, ...] = (
    _names_exist,
    _names_are_free,
    _roles_go_together,
    _control_plane_is_core,
    _counts,
    _placement,
    _sizes_suffice,
    _custody,
    _times,
    _userdata_keeps_no_secret,
)
