"""What comes of a group: one answer for each row out of the members that are in, or a failure.

The same for a group that is waited for and for one whose members answer through queues.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from servery.domain.graphs import Aggregator, Group
from servery.domain.named_aggregators import NamedAggregator
from servery.errors import BadAnswerError, DeadlineExceededError, HopUnavailableError, ServeryError
from servery.usecases.graph.aggregating import aggregate
from servery.usecases.graph.values import Row


@dataclass(slots=True)
class Outcome:
    """What came of a step: for each of its rows an answer, or None and the reason for it."""

    rows: list[Row | None]
    error: ServeryError | None = None


def least(group: Group) -> int:
    """How many members have to be in before there can be an answer."""
    if group.aggregate is Aggregator.ANY:
        return 1
    return group.quorum or len(group.members)


def together(
    name: str,
    group: Group,
    answered: Mapping[str, list[Row]],
    failed: Sequence[ServeryError],
    *,
    rows: int,
    named: Mapping[str, NamedAggregator],
) -> Outcome:
    """What comes of a group that nobody waits for any more.

    Args:
        name: Of the group's step; what its failure names.
        group: Its rules.
        answered: By member that is in, its answer for each row.
        failed: What went wrong with others, in declared order; empty where they are late.
        rows: How many rows they were asked about.
        named: The aggregators of the deploy's allow-list.
    """
    if len(answered) < least(group):
        return Outcome([None] * rows, _too_few(name, group, failed))
    try:
        found = aggregate(group, answered, named)
    except LookupError:
        message = f"{name}: there is no aggregator {group.named or group.aggregate} in this deploy"
        return Outcome([None] * rows, BadAnswerError(name, message))
    except ValueError as error:
        how = group.named or group.aggregate
        message = f"{name}: {how} makes nothing of the members' answers: {error}"
        return Outcome([None] * rows, BadAnswerError(name, message))
    if all(row is not None for row in found):
        return Outcome(found)
    return Outcome(found, BadAnswerError(name, f"{name}: its members do not come to one answer"))


def _too_few(name: str, group: Group, failed: Sequence[ServeryError]) -> ServeryError:
    """The failure of a group that has too few members in: that of the first of them, its hop's."""
    told = f"{name}: fewer than {least(group)} of {len(group.members)} members answered"
    if not failed:
        return HopUnavailableError(name, f"{told} in time")
    first = failed[0]
    if isinstance(first, DeadlineExceededError):
        return DeadlineExceededError(name, first.seconds)
    if isinstance(first, HopUnavailableError):
        return HopUnavailableError(name, f"{told}; {first}", retry_after=first.retry_after)
    return BadAnswerError(name, f"{told}; {first}")
