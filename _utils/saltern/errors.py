"""The one error tree. An error says what happened, to which node, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class SalternError(Exception):
    """Base of every error that a user may see; loader files print it without a traceback.

    :param what: what happened, as a sentence.
    :param node: the id of the node that it happened to, where there is one.
    :param cure: what the reader can do about it, as a sentence.
    """

    def __init__(self, what: str, *, node: str = "", cure: str = "") -> None:
        self.what, self.node, self.cure = what, node, cure
        super().__init__(what)

    def __str__(self) -> str:
        where = f"{self.node}: " if self.node else ""
        if not self.cure:
            return f"{where}{self.what}"
        stop = "" if self.what.endswith((".", "!", "?", ":")) else "."
        return f"{where}{self.what}{stop} Cure: {self.cure}"


@contextmanager
def told_as(kind: type[Exception]) -> Iterator[None]:
    """For loader files: an error of Saltern's own becomes one of ``kind``, which Salt prints as plain text."""
    try:
        yield
    except SalternError as error:
        raise kind(str(error)) from error


class Problems(SalternError):
    """Several problems that were found together; nothing was changed."""

    def __init__(self, title: str, problems: list[Problem]) -> None:
        self.problems = problems
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{title}\n{lines}")


class Problem(SalternError):
    """One problem of a definition, a node or a system, with its place.

    :param where: ``file: key path`` or the name of what was looked at.
    """

    def __init__(self, what: str, *, where: str = "", node: str = "", cure: str = "") -> None:
        self.where = where
        super().__init__(what, node=node, cure=cure)

    def __str__(self) -> str:
        text = super().__str__()
        return f"{self.where}: {text}" if self.where else text


class RegistryError(SalternError):
    """The registry does not know a node, knows it twice, or cannot be read."""


class EnrolmentRefused(SalternError):
    """A minion's key was not proved to be its node's; it was not accepted."""


class SigningRefused(SalternError):
    """A CSR asks for something that its node is not entitled to; nothing was signed."""


class MemberRefused(SalternError):
    """A node asked the master for something that is not its own to ask; nothing was changed."""


class CertificateError(SalternError):
    """A certificate, a key or a root is missing, broken or not what it should be."""


class ArtifactError(SalternError):
    """An artifact is missing, fails its checksum, or no provider can supply it."""


class FirewallError(SalternError):
    """firewalld is missing, dead, or does not enforce what it was told."""


class ServiceError(SalternError):
    """Consul, Vault or Nomad answered with an error, or not at all."""


class ServiceUnreachable(ServiceError):
    """A service gave no answer: nobody listens, it took too long, or its certificate proves nothing."""


class ServiceRefused(ServiceError):
    """A service answered, with an error.

    :param status: the status code of its answer.
    :param detail: its own words, secrets removed.
    """

    def __init__(self, what: str, *, status: int, detail: str = "", node: str = "", cure: str = "") -> None:
        self.status, self.detail = status, detail
        super().__init__(what, node=node, cure=cure)


class LabError(SalternError):
    """The lab could not do what it was asked."""


class JournalError(SalternError):
    """The journal contradicts the real system, or a secret in it cannot be opened."""


class StepFailed(SalternError):
    """A step of the bootstrap did not reach its verified state."""
