"""How the lake lies in its bucket: tables, their days, and what becomes of small objects.

Within the prefix of a day there are objects of lines as they came (`...`), objects that many of
those were made into (`compacted-DIGEST.json.gz`), and what tells of that: a plan
(`_compaction-000001.json`), and the sign that it is carried out (`_compaction-000001.done`).
Whatever reads tables of files passes over names that begin with an underscore.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec

T = TypeVar("T")

PREDICTIONS, LABELS, EVENTS = "predictions", "labels", "events"
TABLES = (PREDICTIONS, LABELS, EVENTS)

LITERAL = "model=!{"
"""How the prefix of a table begins where a cloud takes that of the stream as it is written."""

COMPACTED = "compacted-"
GZIP = ".gz"
ABOUT_PLANS = "_compaction-"
_PLAN = re.compile(r"_compaction-(\d{6})\.(json|done)\Z")


class CompactionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Which objects of one day become which; there is one plan of a day at a time.

    Attributes:
        outputs: By the key of what is made, the keys of its objects, in their order.
    """

    outputs: dict[str, list[str]]


def readable(lines: Iterable[bytes], kind: type[T]) -> Iterator[T]:
    """Lines as what they are read as; what cannot be read, as the end of one half written, is none.

    Args:
        lines: Of one table.
        kind: A structure; members that it has not got are passed over.
    """
    decode = msgspec.json.Decoder(kind).decode
    for line in lines:
        try:
            read = decode(line)
        except msgspec.MsgspecError:
            continue
        yield read


def day_prefix(table: str, model: str, day: str) -> str:
    """Where the lines of a model and a day are, with a slash at the end."""
    return f"{table}/model={model}/day={day}/"


def plan_key(prefix: str, number: int) -> str:
    """The key of a plan."""
    return f"{prefix}_compaction-{number:06d}.json"


def done_key(prefix: str, number: int) -> str:
    """The key of the sign that a plan is carried out."""
    return f"{prefix}_compaction-{number:06d}.done"


def has_lines(key: str) -> bool:
    """Whether an object of a table has lines, and is not about those that have."""
    return not _name(key).startswith("_")


def is_compacted(key: str) -> bool:
    """Whether an object was made of others."""
    return _name(key).startswith(COMPACTED)


def open_plans(keys: Iterable[str]) -> list[str]:
    """Of keys that were listed, those of plans that are not carried out, the oldest first."""
    plans: set[str] = set()
    done: set[str] = set()
    for key in keys:
        found = _PLAN.match(_name(key))
        if found is not None:
            (done if found[2] == "done" else plans).add(key.rpartition(".")[0])
    return [f"{stem}.json" for stem in sorted(plans - done)]


def last_plan(keys: Iterable[str]) -> int:
    """The number of the newest plan among keys of one day; 0 where there is none."""
    found = (_PLAN.match(_name(key)) for key in keys)
    return max((int(match[1]) for match in found if match is not None), default=0)


def doubled(keys: Iterable[str], plans: Mapping[str, CompactionPlan]) -> set[str]:
    """Of listed keys, those whose lines are in another one of them too.

    Args:
        keys: All of the days that the plans are about.
        plans: Those that are not carried out yet.
    """
    there = set(keys)
    return {
        source
        for plan in plans.values()
        for output, sources in plan.outputs.items()
        if output in there
        for source in sources
    }


def _name(key: str) -> str:
    return key.rpartition("/")[2]
