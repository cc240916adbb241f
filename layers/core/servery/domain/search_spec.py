"""What a spec says about the search for its estimator and its parameters."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta


class Algorithm(StrEnum):
    """How the next trials are chosen.

    `tpe` is the tree-structured Parzen estimator (Bergstra et al., 2011), `halving` successive
    halving (Jamieson and Talwalkar, 2016).
    """

    GRID = "grid"
    RANDOM = "random"
    TPE = "tpe"
    HALVING = "halving"


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Candidate(_Part, frozen=True, kw_only=True, rename={"class_path": "class"}):
    """One architecture: an estimator of the allow-list, and the space of its parameters.

    Attributes:
        class_path: Its class.
        params: Name to a value, which is fixed, or to a space: `{int: [50, 400]}`,
            `{float: [0.001, 1.0], log: true}` (both ends inclusive; `step` for a grid) or
            `{choice: [null, 4, 8]}`.
        preprocessing: Of this candidate; left out it is that of the spec. As in the spec, and a
            parameter of a step may be a space too.
    """

    class_path: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$", max_length=200)]
    params: dict[str, Any] = {}
    preprocessing: Literal["auto"] | list[dict[str, Any]] | None = None


class Stop(_Part, frozen=True, kw_only=True):
    """What ends a search before its last trial; whichever comes first.

    Attributes:
        seconds: Since the search began.
        cost_usd: What its trials have cost, by time and memory at Lambda's list price.
        target: Mean score over the folds that is good enough.
        patience: Trials in a row that brought nothing better.
    """

    seconds: Annotated[float, Meta(gt=0)] | None = None
    cost_usd: Annotated[float, Meta(gt=0)] | None = None
    target: float | None = None
    patience: Annotated[int, Meta(ge=1)] | None = None


class Halving(_Part, frozen=True, kw_only=True):
    """Successive halving.

    Attributes:
        factor: One trial in so many goes on to the next rung, with so many times the resource.
        resource: `rows`, or a parameter that every candidate has, such as `n_estimators`.
        minimum: Resource of the first rung; left out it follows from the trials and the factor.
        maximum: Resource of the last rung (a parameter only; rows end with all of them).
    """

    factor: Annotated[int, Meta(ge=2, le=10)] = 3
    resource: Annotated[str, Meta(min_length=1, max_length=100)] = "rows"
    minimum: Annotated[int, Meta(ge=1)] | None = None
    maximum: Annotated[int, Meta(ge=1)] | None = None


class Search(_Part, frozen=True, kw_only=True):
    """The search of a spec.

    Attributes:
        candidates: What is searched; with more than one, the architecture is searched too.
        algorithm: How the next trials are chosen.
        trials: How many at the most; a grid that has more is refused.
        at_once: How many run at the same time.
        folds: Of the cross-validation on the training rows.
        seed: Of everything that is drawn: the same seed gives the same result.
        stop: What ends it earlier.
        halving: Rules of successive halving.
        register: Whether the winner becomes a version, marked as coming from a search.
    """

    candidates: Annotated[list[Candidate], Meta(min_length=1, max_length=50)]
    algorithm: Algorithm = Algorithm.TPE
    trials: Annotated[int, Meta(ge=1, le=10_000)] = 32
    at_once: Annotated[int, Meta(ge=1, le=1000)] = 8
    folds: Annotated[int, Meta(ge=2, le=20)] = 5
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 0
    stop: Stop = msgspec.field(default_factory=Stop)
    halving: Halving = msgspec.field(default_factory=Halving)
    register: bool = False

    @property
    def one_each(self) -> bool:
        """Whether a round has one trial for each that runs at the same time, and no more.

        So it is where a rule can end the search between two rounds, or where the next trials
        depend on what the last ones told.
        """
        rules = (self.stop.cost_usd, self.stop.target, self.stop.patience)
        return self.algorithm is Algorithm.TPE or any(rule is not None for rule in rules)
