"""The cluster as a whole: plan it, build it, bootstrap it, look at it, prove it, forget what is lost.

Takes the virtual name ``cluster`` under a file name of its own, so that the functions of Salt's built-in
runner ``cluster`` stay reachable beside these.
"""

from __future__ import annotations

import sys
from typing import Any

from saltern import prove as proving
from saltern import status as page
from saltern.bootstrap import engine, operators, steps
from saltern.bootstrap.progress import Progress
from saltern.errors import Problems, SalternError
from saltern.members import Members
from saltern_salt import building, forgetting, session
from saltern_salt.answers import answer, no_traceback

__virtualname__ = "cluster"


def __virtual__() -> str:
    return __virtualname__


@no_traceback
def plan() -> Any:
    """Show what would have to be created, replaced and destroyed, with the reason for each. Changes no node.

    CLI Example:

    .. code-block:: bash

        salt-run cluster.plan
        salt-run cluster.plan --out=json

    Rights: root on the support server, whose salt-cloud configuration it writes from the definition.

    :returns: one action a line; ``cluster.build`` does those that create, a person the others.
    """
    planned = building.make_plan(__opts__)
    return answer(__opts__, planned.text(), planned.data())


@no_traceback
def build(test: bool = False) -> Any:
    """Create the nodes that the definition wants and that do not exist yet, through salt-cloud.

    Each node makes its own Salt key; it is accepted only after its fingerprint was read over the provider's
    own channel. Nodes that are too many, or whose keepers changed, are named but not touched.

    CLI Example:

    .. code-block:: bash

        salt-run cluster.build
        salt-run cluster.build test=True

    Rights: root on the support server.

    :param test: only say what would be created.
    :returns: what was created and what was left alone. Exit status 1 when a node could not be created; what was
        created stays.
    """
    return building.build(__opts__, test=test)


@no_traceback
def bootstrap(test: bool = False) -> Any:
    """Bring bare nodes to a verified Consul, Vault and Nomad cluster; or find that nothing is left to do.

    Run it again after any interruption: every step looks at the real system first. Where operators are needed
    it says so, waits, and goes on after ``cluster.unseal``.

    CLI Example:

    .. code-block:: bash

        salt-run cluster.bootstrap
        salt-run cluster.bootstrap test=True

    Rights: root on the support server.

    :param test: only say which steps would run; those behind the first of these are not looked at. Nodes that lack
        Saltern's modules get them, and short-lived tokens are taken and given back.
    :returns: how many steps changed something. Exit status 1 when a step failed; the text names node and cure.
    """
    with session.open_cluster(__opts__) as cluster:
        graph = steps.graph(cluster.definition)
        progress = Progress(graph, cluster.journal)
        cluster.say = progress.say
        if test:
            outcome = engine.preview(graph, cluster, progress)
        else:
            outcome = engine.run(graph, cluster, cluster.journal, progress)
            if not outcome.failed:
                session.mark_joined(cluster)
        return _bootstrap_answer(outcome, test)


def _bootstrap_answer(outcome: engine.Outcome, test: bool) -> Any:
    data = {
        "changed": outcome.changed,
        "kept": outcome.kept,
        "failed": {name: str(error) for name, error in outcome.failed.items()},
        "seconds": {name: round(seconds, 2) for name, seconds in outcome.seconds.items()},
    }
    if outcome.failed:
        text = "\n".join(str(error) for error in outcome.failed.values())
        return answer(__opts__, f"The bootstrap stopped.\n{text}", data, failed=True)
    if not outcome.changed:
        return answer(__opts__, "Nothing to do: every step of the bootstrap holds.", data)
    verb = "would change" if test else "were changed"
    return answer(__opts__, f"{len(outcome.changed)} steps {verb}, {len(outcome.kept)} held already.", data)


@no_traceback
def unseal() -> Any:
    """Give operators' shares to the Vault that waits for them: the transit Vault, or with ``seal: shamir`` every Vault.

    Shares are read from standard input, one a line; never give them as arguments. They are passed on, not kept.

    CLI Example:

    .. code-block:: bash

        base64 -d share.b64 | gpg -d | salt-run cluster.unseal

    Rights: root on the support server.

    :returns: what became of each sealed Vault. Exit status 1 when nothing is sealed or a share is refused.
    """
    if sys.stdin.isatty():
        print("Shares, one a line, end with Ctrl-D:", file=sys.stderr)
    shares = [line.strip() for line in sys.stdin if line.strip()]
    if not shares:
        raise SalternError("No share on standard input.", cure="pipe one decrypted share a line into this command")
    with session.open_cluster(__opts__) as cluster:
        states = operators.unseal(cluster, shares)
    return answer(__opts__, "\n".join(f"{node}: {state}" for node, state in states.items()), states)


@no_traceback
def status() -> Any:
    """One page: nodes, Consul, Vault's seal, Nomad, certificates, and what of the bootstrap holds. Changes nothing.

    CLI Example:

    .. code-block:: bash

        salt-run cluster.status
        salt-run cluster.status --out=json

    Rights: root on the support server.

    :returns: the page. Exit status 0 also for a sick cluster: ``cluster.prove`` judges.
    """
    with session.open_cluster(__opts__) as cluster:
        seen = page.gather(cluster.view(), cluster.journal.steps(), Members().reports())
    return answer(__opts__, seen.text(), seen.data())


@no_traceback
def prove() -> Any:
    """Look at the cluster from outside and check every claim about it. Changes nothing.

    CLI Example:

    .. code-block:: bash

        salt-run cluster.prove
        salt-run cluster.prove --out=json

    Rights: root on the support server.

    :returns: each claim with what was seen. Exit status 1 when one is false or could not be looked at.
    """
    with session.open_cluster(__opts__) as cluster:
        report = proving.run(cluster.view())
    return answer(__opts__, report.text(), report.data(), failed=not report.ok)


@no_traceback
def forget(node: str, test: bool = False) -> Any:
    """Take a lost node out for good: its machine, Salt key, Consul token, and what Consul, Nomad and the registry know.

    Refused for a node that still answers Salt or Consul, for the support server, and where the other servers are no
    healthy majority. Run it again after any interruption: it looks at the real systems and takes what is left.

    CLI Example:

    .. code-block:: bash

        salt-run cluster.forget server-4fk2q9 test=True
        salt-run cluster.forget server-4fk2q9

    Rights: root on the support server; the master's short-lived tokens, so an unsealed Vault.

    :param node: the node's id.
    :param test: only say what would be taken away. Short-lived tokens are taken and given back.
    :returns: what was taken away. Exit status 1 when it is refused or a service does not answer; the text says why.
    """
    return forgetting.forget(__opts__, node, test=test)


@no_traceback
def custody() -> Any:
    """List which secrets exist, to whom they are sealed and how old they are; never what they are.

    CLI Example:

    .. code-block:: bash

        salt-run cluster.custody

    Rights: root on the support server.

    :returns: name, age, state and holders of each secret.
    """
    with session.open_cluster(__opts__) as cluster:
        listed = session.custody(cluster)
    return answer(__opts__, listed.text(), listed.data())


@no_traceback
def validate() -> Any:
    """Check the cluster definition as a whole; every problem is told at once. Changes nothing.

    CLI Example:

    .. code-block:: bash

        salt-run cluster.validate

    Rights: may read the definition.

    :returns: how many groups it has, or every problem with its place and cure. Exit status 1 when it has any.
    """
    try:
        definition = session.definition()
    except Problems as error:
        problems = [str(problem) for problem in error.problems]
        return answer(__opts__, str(error), {"problems": problems}, failed=True)
    text = f"The definition of {definition.name} is valid: {len(definition.groups)} groups."
    return answer(__opts__, text, {"problems": []})
