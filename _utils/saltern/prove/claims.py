"""Claims about the cluster and the report of them. Pure: what was seen is judged elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from saltern.prove.view import Seen

NODE_DOWN = "docs/runbooks/node-down.md"


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


def without_value(name: str, title: str, look: Seen[Any], *, node: str = "") -> Claim:
    """A claim whose look brought no value: unknown, or false where the answer was an error."""
    result = Result.FALSE if look.answered else Result.UNKNOWN
    return Claim(name, title, result, look.error, node, look.cure)


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
        lines = [claim.text() for claim in self.claims if claim.ok]  # first: the eye stays at the end of the page
        return "\n".join(
            [
                *lines,
                *wrong(self.claims),
                f"{held} of {len(self.claims)} claims are true, looked at in {self.seconds:.1f} s",
            ]
        )

    def data(self) -> dict[str, Any]:
        """Plain data."""
        claims = [claim.data() for claim in self.claims]
        return {"ok": self.ok, "seconds": round(self.seconds, 2), "claims": claims}


def silent(claims: Iterable[Claim]) -> dict[str, int]:
    """The nodes of which no TLS port gave an answer, with the number of claims that are unknown for that reason."""
    unknown: dict[str, int] = {}
    answered = set()
    for one in claims:
        if one.result is Result.UNKNOWN and one.node:
            unknown[one.node] = unknown.get(one.node, 0) + 1
        elif one.name.startswith("tls."):
            answered.add(one.node)
    return {node: number for node, number in unknown.items() if node not in answered}


def spoken(claims: Sequence[Claim]) -> list[Claim]:
    """The claims that do not hold, without those that are unknown because their node is silent."""
    nodes = silent(claims)
    return [one for one in claims if not one.ok and not (one.result is Result.UNKNOWN and one.node in nodes)]


def wrong(claims: Sequence[Claim]) -> list[str]:
    """What does not hold: a line for a node that is silent as a whole, then each other claim."""
    lines = [
        f"{Result.UNKNOWN.value:<8} {node} does not answer at all ({number} claims about it are unknown): {NODE_DOWN}"
        for node, number in silent(claims).items()
    ]
    return lines + [one.text() for one in spoken(claims)]
