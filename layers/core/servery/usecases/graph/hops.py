"""One model that a graph asks: what it is sent, and what it has to answer."""

from __future__ import annotations

from dataclasses import dataclass

from servery.domain.entities import Lookup
from servery.domain.manifest import Part


@dataclass(frozen=True, slots=True)
class Partner:
    """The predictor whose preprocessor is asked.

    Attributes:
        model: Name of the model.
        version: The version to ask; empty for the champion.
        follows: Whether the preprocessor hands its features on to it; else the graph does.
    """

    model: str
    version: str
    follows: bool


@dataclass(frozen=True, slots=True)
class ModelHop:
    """One model that is asked.

    Attributes:
        name: What errors and reports name it by.
        model: Name of the model; of a pair in a line that of its preprocessor.
        version: The version to ask; empty for the champion.
        inputs: Input to the reference that it comes from.
        numbers: The inputs that are numbers.
        wanted: Paths that its answer has to have, since somebody reads them.
        deadline_ms: How long it is waited for, where that is said.
        unit: Unit that its value has to be in; empty where it answers none.
        score: Path of the number that its group reckons with, where it does.
        preprocesses: Whether its answer is features.
        partner: Of a preprocessor the predictor that chooses its version.
        features: The step whose features it takes instead of inputs.
        lookup: What its server looks up, with those columns alone that it takes from there.
    """

    name: str
    model: str
    version: str
    inputs: dict[str, str]
    numbers: frozenset[str]
    wanted: tuple[str, ...]
    deadline_ms: int | None
    unit: str = ""
    score: str = ""
    preprocesses: bool = False
    partner: Partner | None = None
    features: str = ""
    lookup: Lookup | None = None

    @property
    def in_line(self) -> bool:
        """Whether it is a pair whose preprocessor hands its features on."""
        return self.partner is not None and self.partner.follows

    @property
    def reached(self) -> str:
        """Who fails where there is no answer at all: of a pair in a line its preprocessor.

        That one says by itself, and in time, that the predictor behind it is slow.
        """
        return f"{self.name}.{Part.PREPROCESSOR}" if self.in_line else self.name

    @property
    def paired(self) -> bool:
        """Whether only one other half goes with it."""
        return self.partner is not None or bool(self.features)

    @property
    def models(self) -> list[str]:
        """Every model that has a say in its answer."""
        return [self.model, *([self.partner.model] if self.partner is not None else [])]
