"""This node's certificates: keys are made here and never leave; the support server signs what the registry allows."""

from __future__ import annotations

import logging
from typing import Any

from salt.exceptions import CommandExecutionError

from saltern.clients import systemd
from saltern.clients.leadership import Leadership
from saltern.errors import CertificateError, SalternError, told_as
from saltern.files import only_one
from saltern.pki import chain, renewal, tls_probe
from saltern.pki.convergence import MAXIMUM_CHARACTERS, MAXIMUM_PROBLEMS, Convergence, place
from saltern.pki.deployed import Deployed, Pending
from saltern.pki.entitlements import CertificateSpec, from_pillar
from saltern.pki.ports import TlsPort
from saltern.pki.serving import Effect, Finding
from saltern.waiting import until

log = logging.getLogger(__name__)

PATIENCE = 60  # seconds in which a busy master is asked again; each single call has Salt's own timeout on top
PROBE_SECONDS = 1.0  # this node's own ports answer within milliseconds; a beacon holds up its minion meanwhile


def plan(
    certificates: list[dict[str, Any]] | None = None,
    trust: dict[str, str] | None = None,
    application: str = "",
) -> dict[str, Any]:
    """What this node's certificates need now; nothing is changed.

    CLI Example:

    .. code-block:: bash

        salt-call node_cert.plan
        salt-call node_cert.plan application=nomad

    Rights: root on the node.

    :param certificates: descriptions as in pillar ``saltern:certificates``, which is the default.
    :param trust: root -> PEM, by default pillar ``saltern:trust``.
    :param application: only the certificates of this application.
    :returns: ``reissue`` and ``repair`` (each ``application/name`` -> reasons) and ``trust`` (path -> reason).
    :raises CommandExecutionError: the pillar names no certificates, describes one wrongly, or lacks a root.
    """
    with told_as(CommandExecutionError):
        specs, deployed = _sources(certificates, trust, application)
        return _plan(specs, deployed)


def renew(
    certificates: list[dict[str, Any]] | None = None,
    trust: dict[str, str] | None = None,
    application: str = "",
) -> dict[str, Any]:
    """Puts this node's certificates right: new keys, one call to the support server, verified before installation.

    CLI Example:

    .. code-block:: bash

        salt-call node_cert.renew

    Rights: root on the node, whose minion key the master has accepted.

    :param certificates: descriptions as in pillar ``saltern:certificates``, which is the default.
    :param trust: root -> PEM, by default pillar ``saltern:trust``.
    :param application: only the certificates of this application.
    :returns: as :func:`plan`, what was done; each reissued one with ``reasons``, ``fingerprint`` and ``not_after``.
    :raises CommandExecutionError: the master refused, stayed silent, or answered with a wrong certificate; no
        certificate was changed then.
    """
    with told_as(CommandExecutionError):
        specs, deployed = _sources(certificates, trust, application)
        with deployed.locked():
            return _apply(specs, deployed)


def check() -> list[dict[str, str]]:
    """Compares certificates, trust files and keys with the pillar, and every port with the file that it should serve.

    Nothing is changed; each port of this node is connected to once.

    CLI Example:

    .. code-block:: bash

        salt-call node_cert.check

    Rights: root on the node.

    :returns: what is wrong, each with ``kind`` (``expiring``, ``wrong-root``, ``invalid``, ``access``, ``trust``,
        ``served``, ``unread``, ``silent``), ``subject`` and ``reason``; empty when all is well.
    :raises CommandExecutionError: the pillar names no certificates, describes one wrongly, or lacks a root.
    """
    with told_as(CommandExecutionError):
        specs, deployed = _sources(None, None, "")
        found = _file_findings(specs, deployed) + _convergence(specs, deployed).look()
    return [one.data() for one in found]


def converge() -> dict[str, Any]:
    """Renews what is due and has every process take it: reload, look at the port, restart where that does not help.

    A server restarts in its turn, which the master gives to one node at a time, while all others serve; the leader
    goes last. Problems that are left are reported to the master and shown by `cluster.status`; the next run without
    any takes them back. A second call while one runs returns at once.

    CLI Example:

    .. code-block:: bash

        salt-call node_cert.converge

    Rights: root on the node, whose minion key the master has accepted.

    :returns: ``renewed`` (labels and paths), ``done`` (what became of processes), ``problems``; or ``busy``. The
        return code is 1 when there are problems.
    :raises CommandExecutionError: the pillar names no certificates, describes one wrongly, or lacks a root.
    """
    with told_as(CommandExecutionError), only_one(f"{__opts__['cachedir']}/node_cert.lock") as alone:
        if not alone:
            return {"busy": True}
        specs, deployed = _sources(None, None, "")
        renewed: list[str] = []
        problems: list[str] = []
        try:
            with deployed.locked():
                applied = _apply(specs, deployed)
            renewed = sorted({name for part in applied.values() for name in part})
        except SalternError as error:
            problems.append(str(error))
        done, left = _convergence(specs, deployed).run()
        _refresh_daemon()
        problems += left
        _report(problems)
    if problems:
        log.error("Certificates: %s", " | ".join(problems))
        __context__["retcode"] = 1
    return {"renewed": renewed, "done": done, "problems": problems}


def installed(certificates: list[dict[str, Any]] | None = None) -> dict[str, dict[str, str]]:
    """The certificates that lie on this node.

    CLI Example:

    .. code-block:: bash

        salt-call node_cert.installed

    Rights: root on the node.

    :param certificates: descriptions as in pillar ``saltern:certificates``, which is the default.
    :returns: ``application/name`` -> ``fingerprint``, ``not_after``, ``renew_after``; what is missing is left out.
    """
    with told_as(CommandExecutionError):
        specs, deployed = _sources(certificates, None, "")
    found = {spec.label: deployed.installed(spec) for spec in specs}
    return {
        label: {**_described(leaf), "renew_after": f"{renewal.renew_after(leaf, __opts__['id']):%FT%TZ}"}
        for label, leaf in found.items()
        if leaf is not None
    }


def leftovers(application: str) -> list[str]:
    """The files below ``/etc/ssl/<application>`` that :func:`remove` would remove.

    CLI Example:

    .. code-block:: bash

        salt-call node_cert.leftovers nomad

    Rights: root on the node.

    :param application: ``consul``, ``vault``, ``nomad`` or ``support``.
    :returns: their paths; a root of the authority that lies beside them is not among them.
    """
    return [str(path) for path in _deployed(None).leftovers(_checked(application))]


def remove(application: str) -> list[str]:
    """Removes an application's keys, certificates and trust from this node, never a root of the authority.

    CLI Example:

    .. code-block:: bash

        salt-call node_cert.remove nomad

    Rights: root on the node.

    :param application: ``consul``, ``vault``, ``nomad`` or ``support``.
    :returns: what was removed.
    """
    gone = leftovers(application)
    _deployed(None).remove(_checked(application))
    return gone


def _sources(
    certificates: list[dict[str, Any]] | None, trust: dict[str, str] | None, application: str
) -> tuple[tuple[CertificateSpec, ...], Deployed]:
    # __pillar__, because pillar.get masks values on its way out of an execution module (Salt 3008).
    mine = __pillar__.get("saltern", {})
    given = mine.get("certificates") if certificates is None else certificates
    if given is None:
        raise CertificateError(
            "The pillar does not say which certificates this node may hold.",
            node=__opts__["id"],
            cure="check `salt-run cluster.status`: is the node in the registry, under this id, with a proved key?",
        )
    specs = tuple(from_pillar(one) for one in given)
    deployed = _deployed(mine.get("trust", {}) if trust is None else trust)
    return tuple(spec for spec in specs if application in ("", spec.application)), deployed


def _deployed(trust: dict[str, str] | None) -> Deployed:
    directory = __opts__.get("saltern", {}).get("ssl")
    return Deployed(trust or {}, directory) if directory else Deployed(trust or {})


def _plan(specs: tuple[CertificateSpec, ...], deployed: Deployed) -> dict[str, Any]:
    decisions = {spec.label: deployed.decide(spec) for spec in specs}
    return {
        "reissue": {label: list(one.reissue) for label, one in decisions.items() if one.reissue},
        "repair": {label: list(one.repair) for label, one in decisions.items() if one.repair},
        "trust": deployed.wrong_trust(specs),
    }


def _apply(specs: tuple[CertificateSpec, ...], deployed: Deployed) -> dict[str, Any]:
    done = _plan(specs, deployed)
    deployed.install_trust(specs, done["trust"])
    pending = [deployed.pending(spec) for spec in specs if spec.label in done["reissue"]]
    leaves = deployed.install(_ask(pending)) if pending else {}
    for spec in specs:
        if spec.label in done["repair"]:
            deployed.repair(spec)
    if any(done.values()):
        _refresh_daemon()
    done["reissue"] = {
        label: {"reasons": reasons, **_described(leaves[label])} for label, reasons in done["reissue"].items()
    }
    return done


def _ask(pending: list[Pending]) -> list[tuple[Pending, str]]:
    """One call for all requests; silence of a busy master is answered by asking again, a refusal never."""
    requests = [one.request for one in pending]
    labels = {one.spec.label for one in pending}
    answer = until(
        lambda: _asked(requests),
        "the support server to sign certificates",
        seconds=PATIENCE,
        interval=1,
        cure="check on the support server that salt-master runs and that its peer_run allows member.sign.",
    )
    if "error" in answer:
        raise CertificateError(
            str(answer["error"]),
            node=__opts__["id"],
            cure="run saltutil.refresh_pillar; then compare this node with the registry: salt-run cluster.status",
        )
    signed = answer["certificates"]
    if (
        not isinstance(signed, dict)
        or set(signed) != labels
        or not all(isinstance(one, str) for one in signed.values())
    ):
        raise CertificateError("The support server answered with other certificates than were asked for.")
    return [(one, signed[one.spec.label]) for one in pending]


def _asked(requests: list[dict[str, str]]) -> dict[str, Any]:
    """The master's answer, empty while it gives none that can be used."""
    answer = __salt__["publish.runner"]("member.sign", arg=[requests])
    if isinstance(answer, dict) and ("certificates" in answer or "error" in answer):
        return answer
    raise CertificateError(f"the master answered {ascii(answer)[:200]}")


def _described(leaf: Any) -> dict[str, str]:
    return {"fingerprint": chain.fingerprint(leaf), "not_after": f"{leaf.not_valid_after_utc:%FT%TZ}"}


def _checked(application: str) -> str:
    """A plain name: it becomes part of a path."""
    if not application or not application.isalnum():
        raise CommandExecutionError(f"{application!a} is no application. Known: consul, vault, nomad, support.")
    return application


def _file_findings(specs: tuple[CertificateSpec, ...], deployed: Deployed) -> list[Finding]:
    decisions = {spec.label: deployed.decide(spec) for spec in specs}
    found = [
        Finding(one.kind, label, "; ".join(one.reissue or one.repair)) for label, one in decisions.items() if one.kind
    ]
    return found + [Finding("trust", path, reason) for path, reason in deployed.wrong_trust(specs).items()]


def _convergence(specs: tuple[CertificateSpec, ...], deployed: Deployed) -> Convergence:
    node, site = place(__pillar__["saltern"])
    leaves = {spec.label: deployed.installed(spec) for spec in specs}
    fingerprints = {label: chain.fingerprint(leaf) for label, leaf in leaves.items() if leaf is not None}
    return Convergence(node, site, fingerprints, _Tools(node.address), deployed.directory)


class _Tools:
    """This machine's systemd and ports, and the master's turns, for :class:`Convergence`."""

    def __init__(self, address: str) -> None:
        self._address = address

    def runs(self, unit: str) -> bool:
        return systemd.show(unit).active in ("active", "reloading")

    def read(self, unit: str) -> dict[Effect, float]:
        started, changed = systemd.times(unit)
        return {Effect.RESTART: started, Effect.RELOAD: max(started, changed)}

    def order(self, verb: str, unit: str) -> None:
        systemd.order(verb, unit, wait=False)

    def served(self, address: str, port: TlsPort) -> str:
        return tls_probe.probe(address, port.number, preamble=port.preamble, timeout=PROBE_SECONDS).fingerprint

    def works(self, unit: str) -> bool:
        return Leadership(unit, self._address).works()

    def leads(self, unit: str) -> bool:
        return Leadership(unit, self._address).leads()

    def turn(self, unit: str, leading: bool) -> str:
        answer = _master("member.turn", unit, leading)
        return str(answer.get("wait", answer.get("error", "the master gave no answer")))

    def turn_done(self, unit: str) -> None:
        _master("member.turn_done", unit)


def _refresh_daemon() -> None:
    """Has the minion's daemon fetch its pillar. The beacon judges by it; it may be older than the node's proof."""
    __salt__["saltutil.refresh_pillar"](wait=False)


def _report(problems: list[str]) -> None:
    """Tells the master; while it is silent the journal of this node has it, and the next run tells it again."""
    _master("member.report", [one[:MAXIMUM_CHARACTERS] for one in problems[:MAXIMUM_PROBLEMS]])


def _master(function: str, *arguments: Any) -> dict[str, Any]:
    answer = __salt__["publish.runner"](function, arg=list(arguments))
    return answer if isinstance(answer, dict) else {}
