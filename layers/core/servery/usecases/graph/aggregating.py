"""From the answers of a group's members to one, row by row."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

from servery.domain.graphs import Aggregator, Group, Member
from servery.domain.named_aggregators import NamedAggregator
from servery.usecases.graph.types import label_of
from servery.usecases.graph.values import Row, find

Answers = list[tuple[Member, Row]]
"""One row: the members that are in, in declared order, each with its answer."""


def aggregate(
    group: Group,
    rows: Mapping[str, list[Row]],
    named: Mapping[str, NamedAggregator] | None = None,
) -> list[Row | None]:
    """One answer for each row; None where the members that are in give none.

    Args:
        group: How; also the order of its members, which decides ties.
        rows: By member that is in, at least one of them, its answer for each row.
        named: The aggregators of the deploy's allow-list.

    Raises:
        LookupError: the group names an aggregator that is not in the list.
        ValueError: a named aggregator fails, or gives what is no finite number.
    """
    members = [member for member in group.members if member.name in rows]
    missing = [member.name for member in group.members if member.name not in rows]
    if group.aggregate is Aggregator.ANY:
        # Those behind the first that is there were never needed.
        missing = missing[: [member.name for member in group.members].index(members[0].name)]
    combine = _combine(group, named or {})
    answers: list[Row | None] = []
    for each in zip(*(rows[member.name] for member in members), strict=True):
        answer = combine(group, list(zip(members, each, strict=True)))
        if answer is not None and missing:
            answer = {**answer, "missing": missing}
        answers.append(answer)
    return answers


def _combine(
    group: Group, named: Mapping[str, NamedAggregator]
) -> Callable[[Group, Answers], Row | None]:
    if group.aggregate is Aggregator.NAMED:
        return _Named(named[group.named])
    return _BY_NAME[group.aggregate]


class _Named:
    """An aggregator out of the allow-list; nobody here knows what it does."""

    def __init__(self, function: NamedAggregator) -> None:
        self._function = function

    def __call__(self, _group: Group, answers: Answers) -> Row | None:
        scores = _scores(answers)
        given = [(member.name, scores[member.name], member.weight) for member, _ in answers]
        try:
            value = float(self._function(given))
        except Exception as error:  # whatever an author's own code may raise
            raise ValueError(f"it failed: {type(error).__name__}") from error
        if not math.isfinite(value):
            raise ValueError("it gives what is no finite number")
        return {"value": value, "scores": scores}


def _all(_group: Group, answers: Answers) -> Row | None:
    return {member.name: answer for member, answer in answers}


def _any(_group: Group, answers: Answers) -> Row | None:
    return answers[0][1]


def _vote(_group: Group, answers: Answers) -> Row | None:
    votes: dict[str, int] = {}
    classes: dict[str, Any] = {}
    for _, answer in answers:
        token = _token(answer["class"])
        classes.setdefault(token, answer["class"])
        votes[token] = votes.get(token, 0) + 1
    # Of equals the first in the dict is taken, which the member declared first has put there.
    winner = max(votes, key=votes.__getitem__)
    return {"class": classes[winner], "votes": votes}


def _quorum(group: Group, answers: Answers) -> Row | None:
    answer = _vote(group, answers)
    agreed = max(answer["votes"].values()) if answer else 0
    return answer if agreed >= (group.quorum or len(group.members)) else None


def _mean(_group: Group, answers: Answers) -> Row | None:
    scores = _scores(answers)
    return {"value": sum(scores.values()) / len(scores), "scores": scores}


def _weighted(_group: Group, answers: Answers) -> Row | None:
    scores = _scores(answers)
    total = sum(member.weight for member, _ in answers)
    if not total:
        return None
    weighed = sum(member.weight * scores[member.name] for member, _ in answers)
    return {"value": weighed / total, "scores": scores}


def _median(_group: Group, answers: Answers) -> Row | None:
    scores = _scores(answers)
    return {"value": float(median(scores.values())), "scores": scores}


def _argmax(_group: Group, answers: Answers) -> Row | None:
    scores: dict[str, float] = {}
    for member, answer in answers:  # several may stand for one label: the highest is its score
        label, score = label_of(member), float(find(answer, member.score))
        scores[label] = max(score, scores.get(label, score))
    return {"class": max(scores, key=scores.__getitem__), "scores": scores}


def _scores(answers: Answers) -> dict[str, float]:
    return {member.name: float(find(answer, member.score)) for member, answer in answers}


def _token(value: str | float | bool) -> str:
    """A class as a key of JSON, as in the probabilities of a model."""
    return value if isinstance(value, str) else json.dumps(value)


_BY_NAME: dict[Aggregator, Callable[[Group, Answers], Row | None]] = {
    Aggregator.ALL: _all,
    Aggregator.ANY: _any,
    Aggregator.QUORUM: _quorum,
    Aggregator.VOTE: _vote,
    Aggregator.MEAN: _mean,
    Aggregator.WEIGHTED: _weighted,
    Aggregator.MEDIAN: _median,
    Aggregator.ARGMAX: _argmax,
}
