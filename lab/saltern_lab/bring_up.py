"""From a machine with nothing to a cluster with a healthy status: the phases of `lab/up`."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from saltern.errors import LabError
from saltern_lab import base, client, definition, host, inside, lifecycle, operators, repository, wait
from saltern_lab.node import LabNode
from saltern_lab.progress import Progress
from saltern_lab.settings import REPOSITORY, SUPPORT, Lab, cache

FETCH = REPOSITORY / "support" / "fetch-artifacts"
KEPT = 3.0  # seconds within which nothing but what is kept already was found
SETTLING = 90.0  # seconds after which what is still wrong is not the boot's doing any more
NEXT = """
What to try next:
  lab/exec support -- salt-run cluster.status         one page about the cluster
  lab/exec support -- salt-run cluster.prove          looks from outside; non-zero when a claim is false
  lab/exec support -- salt '*' state.highstate        changes nothing on a healthy cluster
  lab/kill NODE, lab/status, lab/start NODE           a power failure, and the way back
  lab/shell NODE                                      look around
  lab/down                                            leaves nothing (--keep: only stops)"""


@dataclass
class BringUp:
    """One run of `lab/up`.

    :param definition_file: replaces the project's definition, or None for what the lab was made with.
    """

    lab: Lab
    progress: Progress
    definition_file: Path | None

    @property
    def support(self) -> LabNode:
        """The support server's node."""
        return LabNode(self.lab, SUPPORT)

    def prepare(self, *, artifacts: bool) -> Path:
        """Packages, base image and artifacts of this machine; the last two at the same time. Returns the image."""
        host.prepare(self.progress)
        cache().mkdir(parents=True, exist_ok=True)
        for line in host.warnings(cache()):
            self.progress.say(f"warning: {line}")
        with self._artifacts_in_background(wanted=artifacts):
            return base.ensure(self.progress)

    @contextmanager
    def _artifacts_in_background(self, *, wanted: bool) -> Iterator[None]:
        if not wanted:
            yield
            return
        log = self.lab.directory / "artifacts.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [FETCH], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            yield
            if not _ends_within(process, KEPT):
                with self.progress.step("artifacts (Consul, Vault, Nomad, images)", 20 * 60, log=log):
                    process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if process.returncode:
            tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
            raise LabError("\n".join(["The artifacts could not be made or fetched:", *tail]), cure=f"Read {log}.")

    def open(self, image: Path) -> definition.Summary:
        """Network, limits, daemon, and the node `support`."""
        kept = self._keep_definition()
        summary = definition.read(definition.files(kept), image)
        lifecycle.open_lab(self.lab, image, self.progress)
        if SUPPORT not in {node["name"] for node in client.call(self.lab.socket, "list")}:
            with self.progress.step("creating node support", 2):
                client.call(self.lab.socket, "create", name=SUPPORT, size=summary.size, networks=summary.networks)
        (self.lab.directory / "threshold").write_text(str(summary.threshold), encoding="ascii")
        return summary

    def _keep_definition(self) -> Path | None:
        """The definition file of this lab: the one given now, or the one given when it was made."""
        kept = self.lab.directory / "definition.yaml"
        if self.definition_file:
            self.lab.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copyfile(self.definition_file, kept)
        return kept if kept.exists() else None

    def install(self, summary: definition.Summary) -> None:
        """The project and the operators' keys into the support server, then `support/install` there."""
        with self.progress.step("the operators' keys and the project into support", 4):
            keys = operators.ensure_keys(self.lab, summary.operators)
            kept = self.lab.directory / "definition.yaml"
            changed = repository.copy(self.support, repository.archive(kept if kept.exists() else None, keys))
        done = self.support.directory / "installed"
        if changed or not done.exists():
            done.unlink(missing_ok=True)
            inside.run(self.support, ["systemctl", "is-system-running", "--wait"], check=False)
            self._in_support("support/install", 60, f"{repository.TARGET}/support/install")
            done.touch()

    def bootstrap(self, summary: definition.Summary) -> None:
        """`cluster.build` and `cluster.bootstrap` in the support server, with the operators standing by."""
        done = self.lab.directory / "bootstrapped"
        again = ", again" if done.exists() else ""  # then it is quicker, and remembered apart
        self._in_support(f"cluster.build{again}", 2 if again else 60, "salt-run", "cluster.build")
        with operators.Answering(self.support, summary.threshold) as answering:
            try:
                title, typical = f"cluster.bootstrap{again}", 15 if again else 120
                self._in_support(title, typical, "salt-run", "cluster.bootstrap")
                done.touch()
            except LabError as error:
                raise LabError("\n".join(filter(None, [str(error), answering.last_error]))) from error

    def _in_support(self, title: str, typical: float, *command: str) -> None:
        with self.progress.step(title, typical, shows_itself=True):
            status = inside.show(self.support, command)
        if status:
            raise LabError(
                f"{title} ended with {status}; what it said stands above.",
                node=SUPPORT,
                cure="Mend what it names, then run lab/up again: it goes on where it stopped.",
            )

    def report(self) -> bool:
        """Print nodes, cluster and what to try; true when the cluster is healthy."""
        print(f"\n{lifecycle.table(lifecycle.nodes(self.lab))}\n", flush=True)
        false = self._lasting_false_claims()
        inside.show(self.support, ["salt-run", "cluster.status"])
        if false:
            print("\n".join(["", *false, f"The cluster of lab {self.lab.name} is NOT healthy."]))
        else:
            print(f"\nThe cluster of lab {self.lab.name} is healthy: every claim of cluster.prove holds.")
        print(NEXT, flush=True)
        return not false

    def _lasting_false_claims(self) -> list[str]:
        """What does not hold even after a while: a cluster that has just booted still elects its leaders."""
        false: list[str] = []

        def holds() -> bool:
            false[:] = self._false_claims()
            return not false

        with self.progress.step("cluster.prove", 5), contextlib.suppress(LabError):
            wait.until(holds, "every claim of cluster.prove holds", SETTLING)
        return false

    def _false_claims(self) -> list[str]:
        """What `cluster.prove` says against the cluster. An answer without a claim proves nothing."""
        output = inside.run(self.support, ["salt-run", "--out=json", "cluster.prove"], check=False)
        try:
            proved = json.loads(output)
            claims, ok = proved["claims"], proved["ok"]
        except (ValueError, TypeError, KeyError):
            return [f"cluster.prove gave no answer: {output.strip()[-500:]}"]
        if not claims:
            return ["cluster.prove looked at nothing."]
        # only what does not hold has a cure
        false = [f"{claim['name']}: {claim['evidence']} Cure: {claim['cure']}" for claim in claims if claim["cure"]]
        return [] if ok else false or ["cluster.prove does not hold."]


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def threshold(lab: Lab) -> int:
    """How many operators this lab's definition asks for."""
    try:
        return int((lab.directory / "threshold").read_text(encoding="ascii"))
    except FileNotFoundError as error:
        raise LabError(f"Lab {lab.name} does not run.", cure="lab/up") from error
