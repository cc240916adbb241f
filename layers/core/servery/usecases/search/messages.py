"""What the states of `search` hand on: keys, digests and counts; data and trials go elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec

from servery.domain.search_records import Proposal


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    pass


class SearchEvent(_Message, frozen=True, kw_only=True):
    """Input of the execution, which is that of a training too.

    Attributes:
        search: Id of the search.
        model: Name of the model.
        training_id: Of the training that the winner gets.
        spec: What was asked for.
        origin: Who asks for the training.
        reuse: Whether a step whose output is there already is skipped.
    """

    search: str
    model: str
    training_id: str
    spec: dict[str, Any]
    origin: str = "search"
    reuse: bool = True


class Rows(_Message, frozen=True, kw_only=True):
    """What Collect and Preprocess of the training answered, as far as a search reads it."""

    dataset: str = ""
    split: str = ""
    train_rows: int = 0
    test_rows: int = 0


class Round(_Message, frozen=True, kw_only=True):
    """A round of trials: its number, how many they are, and where the lanes of the map lie."""

    number: int
    count: int
    bucket: str = ""
    key: str = ""


class ProposeEvent(_Message, frozen=True, kw_only=True):
    """The state before a round.

    Attributes:
        search: Id of the search.
        model: Name of the model.
        collect: The data set.
        preprocess: The split.
        round: The round before, if there was one.
    """

    search: str
    model: str
    collect: Rows
    preprocess: Rows
    round: Round | None = None


class TrialEvent(_Message, frozen=True, kw_only=True):
    """One trial to be run."""

    search: str
    model: str
    dataset: str
    split: str
    trial: Proposal


class TrialOver(_Message, frozen=True, kw_only=True):
    """What is left of a trial in the state: its number and what became of it."""

    number: int
    state: str


class LoseEvent(_Message, frozen=True, kw_only=True):
    """A trial whose function failed, timed out or crashed.

    Attributes:
        search: Id of the search.
        model: Name of the model.
        trial: What was to be run.
        error: What the Catch left.
        started: When the trial began at the earliest, ISO 8601, UTC.
    """

    search: str
    model: str
    trial: Proposal
    error: dict[str, Any]
    started: str


class ChooseEvent(SearchEvent, frozen=True, kw_only=True):
    """The state after the last round.

    Attributes:
        collect: What Collect of the training answered, handed on as it is.
        preprocess: What Preprocess answered, likewise.
    """

    collect: Any
    preprocess: Any


class Chosen(ChooseEvent, frozen=True, kw_only=True):
    """The state of a training of the winner, with its spec in the place of what was asked for.

    Attributes:
        number: Of the winning trial.
        registers: Whether a version is to become of it.
    """

    number: int
    registers: bool


class CloseEvent(_Message, frozen=True, kw_only=True):
    """How far a search came: the state of the execution, with `error` where a state failed."""

    run: dict[str, Any]

    @property
    def search(self) -> str:
        """Id of the search."""
        return str(self.run.get("search", ""))

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.run.get("model", ""))


class Closed(_Message, frozen=True, kw_only=True):
    """The output of the execution: how the search ended."""

    search: str
    model: str
    state: str
    version: str = ""
    training: str = ""
    reason: str = ""
