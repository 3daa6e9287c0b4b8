"""Claims about the cluster and the report of them. Pure: what was seen is judged elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Result(str, Enum):
    """What became of a claim. ``UNKNOWN``: it could not be looked at; nothing is proved then."""

    OK = "ok"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Claim:
    """One claim.

    :param name: for programs, as ``tls.server-abc123.8300``.
    :param title: a sentence that is true when the result is ``OK``.
    :param evidence: what was seen.
    :param node: the node that it is about, empty for the whole cluster.
    :param cure: what to do when it is not true.
    """

    name: str
    title: str
    result: Result
    evidence: str = ""
    node: str = ""
    cure: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was proved."""
        return self.result is Result.OK

    def text(self) -> str:
        """One line; a claim that is not true tells its evidence and cure below."""
        lines = [f"{self.result.value:<8} {self.title}" + (f" ({self.evidence})" if self.ok and self.evidence else "")]
        if not self.ok:
            lines += [f"{'':9}seen: {self.evidence}"] if self.evidence else []
            lines += [f"{'':9}cure: {self.cure}"] if self.cure else []
        return "\n".join(lines)

    def data(self) -> dict[str, str]:
        """Plain data."""
        return {
            "name": self.name,
            "title": self.title,
            "result": self.result.value,
            "evidence": self.evidence,
            "node": self.node,
            "cure": "" if self.ok else self.cure,
        }


def claim(name: str, title: str, problem: str, *, evidence: str = "", node: str = "", cure: str = "") -> Claim:
    """A claim that is true when there is no ``problem``."""
    result = Result.FALSE if problem else Result.OK
    return Claim(name, title, result, problem or evidence, node, cure)


@dataclass(frozen=True)
class Report:
    """Every claim, in the order of the looks, and how long they took in seconds."""

    claims: tuple[Claim, ...]
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every claim was proved; a report without claims proves nothing."""
        return bool(self.claims) and all(claim.ok for claim in self.claims)

    @property
    def exit_status(self) -> int:
        """0 when every claim is true, else 1."""
        return 0 if self.ok else 1

    @property
    def not_proved(self) -> tuple[Claim, ...]:
        """The claims that are false or unknown."""
        return tuple(claim for claim in self.claims if not claim.ok)

    def text(self) -> str:
        """The claims that hold, then those that do not, then the sum."""
        held = len(self.claims) - len(self.not_proved)
        lines = [claim.text() for claim in _sorted(self.claims)]
        return "\n".join([*lines, f"{held} of {len(self.claims)} claims are true, looked at in {self.seconds:.1f} s"])

    def data(self) -> dict[str, Any]:
        """Plain data."""
        claims = [claim.data() for claim in self.claims]
        return {"ok": self.ok, "seconds": round(self.seconds, 2), "claims": claims}


def _sorted(claims: Iterable[Claim]) -> list[Claim]:
    """What holds first: the eye stays at the end of the page."""
    return sorted(claims, key=lambda claim: not claim.ok)
