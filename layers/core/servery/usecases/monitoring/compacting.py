"""Few large objects instead of many small ones, for the days of the lake that are over.

A day has one plan at a time: it is written only where none of its number is there, after all
before it are carried out. So of several runs at once one plans and all carry out the same, and
after a crash anywhere the next run goes on from the plan. Objects that were made are never made
into others; so what a slow run writes late is what is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from servery.domain.lake import (
    ABOUT_PLANS,
    COMPACTED,
    GZIP,
    TABLES,
    CompactionPlan,
    done_key,
    has_lines,
    is_compacted,
    last_plan,
    open_plans,
    plan_key,
)
from servery.errors import ServeryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servery.ports import Clock, LakeFiles

MOST_BYTES = 512 * 1024 * 1024
"""Of lines that become one object: 64 to 128 MiB, since they compress to a fourth or an eighth."""
LEAST_OBJECTS = 2
LEAST_SECONDS = 180.0  # for one object of the largest size, with room to spare
SETTLED = timedelta(minutes=15)  # after midnight, until which a stream may still bring lines

_read_plan = msgspec.json.Decoder(CompactionPlan).decode


@dataclass
class Compacted:
    """What a run did.

    Attributes:
        days: Prefixes of the days that had something to do.
        joined: Objects that became others.
        made: Objects that were made of them.
        unfinished: Whether time was up before all was done; the next run goes on.
        failed: Days that could not be done, and why; the next run tries them again.
    """

    days: list[str] = field(default_factory=list)
    joined: int = 0
    made: int = 0
    unfinished: bool = False
    failed: list[str] = field(default_factory=list)


def compact(
    files: LakeFiles,
    clock: Clock,
    *,
    days: int,
    today: bool,
    seconds: Callable[[], float],
    most_bytes: int = MOST_BYTES,
) -> Compacted:
    """Go through the last days of every model and table; one that fails holds up no other.

    Args:
        files: The lake.
        clock: Which days are over.
        days: How many days back, those that are over.
        today: Whether the day that is not over is gone through too.
        seconds: How long there still is.
        most_bytes: Of lines that become one object.
    """
    done = Compacted()
    last = (clock.now() - SETTLED).date() - timedelta(days=0 if today else 1)
    wanted = {(last - timedelta(days=back)).isoformat() for back in range(days)}
    for prefix in _days(files, wanted):
        try:
            if not _compact_day(files, prefix, done, seconds, most_bytes):
                done.unfinished = True
                break
        except ServeryError as error:
            done.failed.append(f"{prefix} ({error})")
    return done


def _days(files: LakeFiles, wanted: set[str]) -> Iterator[str]:
    for table in TABLES:
        for model in files.folders(f"{table}/"):
            for prefix in files.folders(model):
                if prefix.rstrip("/").rpartition("day=")[2] in wanted:
                    yield prefix


def _compact_day(
    files: LakeFiles,
    prefix: str,
    done: Compacted,
    seconds: Callable[[], float],
    most_bytes: int,
) -> bool:
    """One model's day; whether there was time for it."""
    # Plans first: while none is written after these, nothing that is listed then goes away.
    plans = files.sizes(prefix + ABOUT_PLANS)
    for key in open_plans(plans):
        if not _carry_out(files, key, done, seconds):
            return False
    sources = {
        key: size
        for key, size in files.sizes(prefix).items()
        if has_lines(key) and not is_compacted(key)
    }
    if len(sources) < LEAST_OBJECTS:
        return True
    key = plan_key(prefix, last_plan(plans) + 1)
    plan = CompactionPlan(outputs=_outputs(prefix, sources, most_bytes))
    files.put_new(key, msgspec.json.encode(plan))
    done.days.append(prefix)
    return _carry_out(files, key, done, seconds)


def _outputs(prefix: str, sources: Mapping[str, int], most: int) -> dict[str, list[str]]:
    """What becomes of objects: in the order of their keys, so many as the size allows."""
    groups: list[list[str]] = [[]]
    held = 0
    for key, size in sorted(sources.items()):
        if groups[-1] and held + size > most:
            groups.append([])
            held = 0
        groups[-1].append(key)
        held += size
    return {_output(prefix, group): group for group in groups}


def _output(prefix: str, sources: Sequence[str]) -> str:
    digest = blake2b("\n".join(sources).encode(), digest_size=16).hexdigest()
    return f"{prefix}{COMPACTED}{digest}.json{GZIP}"


def _carry_out(files: LakeFiles, key: str, done: Compacted, seconds: Callable[[], float]) -> bool:
    """Do what a plan says, as far as it is not done; whether there was time for it."""
    content = files.read(key)
    plan = _read_plan(content or b'{"outputs":{}}')
    prefix, number = key.rpartition("/")[0] + "/", last_plan([key])
    for output, sources in plan.outputs.items():
        if not _is_there(files, output):
            if seconds() < LEAST_SECONDS:
                return False
            _make(files, output, sources)
            done.made += 1
            done.joined += len(sources)
        files.delete(sources)
    files.put(done_key(prefix, number), b"")
    return True


def _make(files: LakeFiles, output: str, sources: Sequence[str]) -> None:
    """Make an object, unless another run has."""
    if files.join(output, sources, lacking=False) or _is_there(files, output):
        return
    # Sources go only once the object is there: somebody else has removed what is lacking.
    files.join(output, sources, lacking=True)


def _is_there(files: LakeFiles, key: str) -> bool:
    return key in files.sizes(key)
