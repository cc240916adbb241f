"""The graph: a declared arrangement of several models, and what of it can be told without them.

A graph is a list of steps. What a step needs says what it waits for: there is no order beside
that, so steps that do not need each other run at the same time. A step works on all rows of a
request at once, or on those for which its predicate holds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from servery.domain.entities import Lookup, Reference
from servery.domain.names import MODEL_NAME

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$(?!\n)")]
Milliseconds = Annotated[int, Meta(ge=10, le=28_000)]
MOST_STEPS = 16
MOST_MEMBERS = 8
REQUEST = "request"
"""The name under which a reference finds the columns of the request."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class OnFailure(StrEnum):
    """What the failure of a step does to the answer."""

    FAIL = "fail"
    STOP = "stop"
    DEFAULT = "default"


class Slow(StrEnum):
    """What a group does about a member that is late: wait for it, or go on without."""

    WAIT = "wait"
    GO_ON = "go_on"


class Aggregator(StrEnum):
    """How the answers of a group become one.

    all: every member's answer, by its name. any: the first that is there, in declared order.
    quorum: the class that at least so many members say. vote: the class that most say, ties by
    declared order. mean and weighted: of the members' scores. argmax: the label of the member
    with the highest score. median: of the members' scores. named: what a function of the
    deploy's allow-list makes of the members' scores.
    """

    ALL = "all"
    ANY = "any"
    QUORUM = "quorum"
    VOTE = "vote"
    MEAN = "mean"
    WEIGHTED = "weighted"
    ARGMAX = "argmax"
    MEDIAN = "median"
    NAMED = "named"

    @property
    def scored(self) -> bool:
        """Whether every member needs a number."""
        return self in (self.MEAN, self.WEIGHTED, self.ARGMAX, self.MEDIAN, self.NAMED)


class Predicate(_Part, frozen=True, kw_only=True):
    """When a step concerns a row; all that is said has to hold.

    Attributes:
        of: Reference to the value that is looked at.
        equals: The one value.
        among: One of these values.
        above: A number above this one.
        below: A number below this one.
    """

    of: Reference
    equals: str | int | float | bool | None = None
    among: list[str | int | float | bool] | None = None
    above: float | None = None
    below: float | None = None


class Follow(_Part, frozen=True, kw_only=True):
    """What the answer of a member sets going in a job, without waiting for the others.

    Attributes:
        graph: The graph that is asked next, as a job of its own, about the rows concerned.
        when: Which rows; `of` is a path in the member's answer (`class`). All where left out.
    """

    graph: Annotated[str, Meta(pattern=MODEL_NAME)]
    when: Predicate | None = None


class Member(_Part, frozen=True, kw_only=True):
    """A model in a group.

    Attributes:
        name: Unique in the graph.
        model: Name of the model.
        version: The version to ask; empty for the champion.
        inputs: Input of the model to the reference that it comes from; an input that is not
            named here is the column of the request with its name.
        score: Path in the member's answer to its number, `value` or `probabilities.yes`.
        label: What argmax answers when this member has the highest score; its name without.
        weight: For `weighted`.
        deadline_ms: How long it is waited for.
        then: What its answer sets going, where the graph is asked as a job.
    """

    name: Name
    model: Annotated[str, Meta(pattern=MODEL_NAME)]
    version: str = ""
    inputs: dict[str, Reference] = {}
    score: str = ""
    label: str = ""
    weight: Annotated[float, Meta(ge=0)] = 1.0
    deadline_ms: Milliseconds | None = None
    then: Follow | None = None


class Group(_Part, frozen=True, kw_only=True):
    """Models side by side, asked at the same time.

    Attributes:
        members: Who is asked.
        aggregate: How their answers become one.
        quorum: How many must agree (quorum), or have answered (all others); all of them where
            it is left out.
        slow: What is done about a member that is late.
        wait_ms: After how long a member is late (go_on).
        named: Name of the function in the deploy's allow-list (named).
    """

    members: Annotated[list[Member], Meta(min_length=2, max_length=MOST_MEMBERS)]
    aggregate: Aggregator
    quorum: Annotated[int, Meta(ge=1, le=MOST_MEMBERS)] | None = None
    slow: Slow = Slow.WAIT
    wait_ms: Milliseconds | None = None
    named: Annotated[str, Meta(pattern=r"^([a-z][a-z0-9_]{0,47})?$(?!\n)")] = ""


class Step(_Part, frozen=True, kw_only=True):
    """One step: a model, a preprocessor, a lookup or a group.

    A model together with a preprocessor is a pair in a line: the preprocessor's server hands the
    features on to the model's. A model together with a lookup has its server look the data up.

    Attributes:
        name: Unique in the graph; what references name its answer by.
        model: Name of the model to ask.
        version: The version to ask; empty for the champion. Of a pair it is the predictor's:
            the preprocessor that answers is the one that was trained with it.
        inputs: As in `Member`; of a pair those of its preprocessor.
        preprocessor: Name of the preprocessor to ask.
        features: The step of a preprocessor whose features the model takes, whole.
        lookup: The data to look up; by the proxy, or by the server of `model`.
        group: The models to ask side by side.
        when: For which rows; all where it is left out.
        deadline_ms: How long it is waited for; what is left of the graph's own without.
        on_failure: What its failure does.
        default: Its answer when it fails (default only): what a model answers for a row, or
            the columns of a lookup.
    """

    name: Name
    model: Annotated[str, Meta(pattern=MODEL_NAME)] | None = None
    version: str = ""
    inputs: dict[str, Reference] = {}
    preprocessor: Annotated[str, Meta(pattern=MODEL_NAME)] | None = None
    features: Name | None = None
    lookup: Lookup | None = None
    group: Group | None = None
    when: Predicate | None = None
    deadline_ms: Milliseconds | None = None
    on_failure: OnFailure = OnFailure.FAIL
    default: dict[str, Any] | None = None


class GraphSpec(_Part, frozen=True, kw_only=True):
    """A graph as its author declares it.

    Attributes:
        name: Of the graph.
        owner: Who answers for it.
        description: For people.
        deadline_ms: How long a caller waits at the most.
        steps: In any order that reads well.
        job_wait_s: How long a job waits for the members of its group; then it ends with what is
            in, and what comes later is kept as late. Seconds.
        output: The step whose answer is the graph's; of several the first that has one for the
            row (a choice between models). The last step where it is left out.
    """

    name: Annotated[str, Meta(pattern=MODEL_NAME)]
    owner: Annotated[str, Meta(min_length=1, max_length=100)]
    description: str = ""
    deadline_ms: Annotated[int, Meta(ge=50, le=28_000)] = 10_000
    job_wait_s: Annotated[int, Meta(ge=1, le=86_400)] = 300
    steps: Annotated[list[Step], Meta(min_length=1, max_length=MOST_STEPS)]
    output: list[Name] = []

    @property
    def outputs(self) -> list[str]:
        """The steps that can answer, first choice first."""
        return self.output or [self.steps[-1].name]


def references(step: Step) -> list[str]:
    """Every reference that a step reads."""
    found = list(step.inputs.values())
    if step.lookup is not None:
        found.append(step.lookup.key)
    if step.group is not None:
        found += [ref for member in step.group.members for ref in member.inputs.values()]
    if step.when is not None:
        found.append(step.when.of)
    return found


def needs(step: Step) -> set[str]:
    """The steps that a step waits for."""
    before = {step.features} if step.features is not None else set()
    return before | ({ref.partition(".")[0] for ref in references(step)} - {REQUEST})


def graph_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a graph, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Servery graph",
        **msgspec.json.schema(GraphSpec),
    }


Kind = Literal["model", "preprocessor", "pair", "looking_up", "lookup", "group"]
"""What a step is. `pair`: preprocessor and model in a line. `looking_up`: a model whose server
looks data up by itself."""
_KINDS: dict[frozenset[str], Kind] = {
    frozenset({"model"}): "model",
    frozenset({"preprocessor"}): "preprocessor",
    frozenset({"preprocessor", "model"}): "pair",
    frozenset({"lookup", "model"}): "looking_up",
    frozenset({"lookup"}): "lookup",
    frozenset({"group"}): "group",
}


def kind_of(step: Step) -> Kind | None:
    """What a step is; None where what it says does not go together, or is nothing."""
    parts = {
        "model": step.model,
        "preprocessor": step.preprocessor,
        "lookup": step.lookup,
        "group": step.group,
    }
    return _KINDS.get(frozenset(name for name, part in parts.items() if part is not None))
