"""The timeline of the story: who had which part when, what happened, and how callers fared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

WINDOW = 10
"""Seconds over which the share of right answers is taken."""


class Part(StrEnum):
    """What a version is to the requests: the last two of them are answered by it."""

    STAND_BY = "stands by"
    SHADOW = "shadow"
    CANARY = "canary"
    CHAMPION = "champion"


class Kind(StrEnum):
    """What a mark stands for."""

    REFUSED = "refused"
    ROLLED_BACK = "rolled back"
    SHIFTED = "traffic shifts"
    ALARM = "alarm"
    RETIRED = "retired"


@dataclass(frozen=True)
class Stretch:
    """A time, in seconds from the start, in which a version had the same part.

    Attributes:
        version: Which.
        part: Which part.
        since: From when.
        until: Until when.
        share: Of the requests: that were copied to it, or that it answered.
    """

    version: str
    part: Part
    since: float
    until: float
    share: float = 1.0


@dataclass(frozen=True)
class Mark:
    """Something that happened at once; `version` is empty where it is of none alone."""

    at: float
    kind: Kind
    said: str
    version: str = ""


@dataclass(frozen=True)
class Act:
    """A part of the story, in seconds from the start."""

    title: str
    since: float
    until: float


@dataclass(frozen=True)
class Asked:
    """One request and what became of it, as its caller saw it.

    Attributes:
        at: When it was sent, in seconds from the start.
        seconds: Until the answer was there.
        status: HTTP status; 0 where there was no answer.
        version: Who answered.
        right: Whether the answer was what is true of the row.
        said: Why it failed; empty for an answer.
    """

    at: float
    seconds: float
    status: int
    version: str = ""
    right: bool = False
    said: str = ""

    @property
    def failed(self) -> bool:
        """Whether the caller got no answer that it can use."""
        return self.status != 200  # noqa: PLR2004 - OK


@dataclass(frozen=True)
class Second:
    """What became of the requests that were sent in one second."""

    answered: Mapping[str, int]
    failed: int
    right: int


@dataclass(frozen=True)
class Timeline:
    """The whole story, for drawing.

    Attributes:
        title: What it is the timeline of.
        length: Seconds.
        acts: In order.
        names: Version to what the story calls it, in the order of their rows.
        stretches: Of all versions.
        marks: Of all versions, in order.
        seconds: One after the other from 0.
        milliseconds: Median and p99 of the answers, as the caller saw them.
    """

    title: str
    length: float
    acts: Sequence[Act]
    names: Mapping[str, str]
    stretches: Sequence[Stretch]
    marks: Sequence[Mark]
    seconds: Sequence[Second]
    milliseconds: tuple[float, float] = (0.0, 0.0)

    @property
    def requests(self) -> int:
        """How many were sent."""
        return sum(sum(each.answered.values()) + each.failed for each in self.seconds)

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(each.failed for each in self.seconds)

    @property
    def told(self) -> str:
        """The figures in a line."""
        p50, p99 = self.milliseconds
        return (
            f"{self.requests:,} requests in {clock(self.length)} minutes, {self.failed} failed; "
            f"median {p50:.0f} ms, p99 {p99:,.0f} ms"
        )

    def accuracy(self) -> list[float | None]:
        """Share of right answers in the last seconds, at each second; None without an answer."""
        found: list[float | None] = []
        for at in range(len(self.seconds)):
            window = self.seconds[max(0, at - WINDOW + 1) : at + 1]
            answered = sum(sum(each.answered.values()) for each in window)
            found.append(sum(each.right for each in window) / answered if answered else None)
        return found


def clock(seconds: float) -> str:
    """Seconds as minutes, `1:05`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def stretches(
    revisions: Iterable[Mapping[str, Any]], began: datetime, length: float
) -> list[Stretch]:
    """Read from the revisions of a deployment who had which part when.

    Args:
        revisions: As the API lists them, in any order.
        began: When the story did.
        length: Of the story, in seconds.
    """
    known = sorted(revisions, key=lambda revision: int(revision["revision"]))
    times = [_since(revision, began, length) for revision in known]
    found: list[Stretch] = []
    for revision, (since, until) in zip(known, pairwise([*times, length]), strict=True):
        for version, (part, share) in _parts(revision).items():
            last = next((s for s in reversed(found) if s.version == version), None)
            if last and (last.part, last.share, last.until) == (part, share, since):
                found.remove(last)
                since_then = last.since
            else:
                since_then = since
            if until > since_then:
                found.append(Stretch(version, part, since_then, until, share))
    return sorted(found, key=lambda stretch: (stretch.since, stretch.version))


def _since(revision: Mapping[str, Any], began: datetime, length: float) -> float:
    changed = datetime.fromisoformat(str(revision["changed"]))
    return min(length, max(0.0, (changed - began).total_seconds()))


def _parts(revision: Mapping[str, Any]) -> dict[str, tuple[Part, float]]:
    """Version to its part and share, by one revision."""
    beside = [revision.get("last_good"), *revision.get("candidates", [])]
    parts = {str(one["ref"]["version"]): (Part.STAND_BY, 0.0) for one in beside if one}
    rollout = revision.get("rollout")
    if rollout and rollout["share"] > 0:
        parts[str(rollout["version"])] = (Part(rollout["stage"]), float(rollout["share"]))
    parts[str(revision["champion"]["ref"]["version"])] = (Part.CHAMPION, 1.0)
    return parts


def per_second(asked: Sequence[Asked], length: float) -> list[Second]:
    """What became of the requests, second by second, from 0 to the end."""
    by_second: list[list[Asked]] = [[] for _ in range(int(length) + 1)]
    for each in asked:
        by_second[min(int(each.at), len(by_second) - 1)].append(each)
    return [_second(sent) for sent in by_second]


def _second(sent: Sequence[Asked]) -> Second:
    answered: dict[str, int] = {}
    for each in sent:
        if not each.failed:
            answered[each.version] = answered.get(each.version, 0) + 1
    fine = [each for each in sent if not each.failed]
    return Second(answered, len(sent) - len(fine), sum(each.right for each in fine))


def percentiles(asked: Iterable[Asked]) -> tuple[float, float]:
    """Median and p99 of the time to an answer, in milliseconds."""
    took = sorted(each.seconds * 1000 for each in asked if not each.failed)
    if not took:
        return (0.0, 0.0)
    return took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]


def drawn_order(found: Sequence[Stretch], marks: Iterable[Mark]) -> Iterator[str]:
    """Versions in the order in which they appear."""
    seen = [(stretch.since, stretch.version) for stretch in found]
    seen += [(mark.at, mark.version) for mark in marks if mark.version]
    yield from dict.fromkeys(version for _, version in sorted(seen))
