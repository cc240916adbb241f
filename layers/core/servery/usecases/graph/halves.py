"""Halves of pairs: a preprocessor and a predictor go together only as they were trained."""

from __future__ import annotations

from collections.abc import Mapping

from servery.domain.graphs import GraphSpec, Step
from servery.domain.manifest import Part as Half
from servery.errors import NotFoundError, Violation
from servery.usecases.graph.models import Known, Models
from servery.usecases.graph.parts import Asking, askings, askings_of


def look_up(spec: GraphSpec, models: Models) -> tuple[dict[str, Known], list[Violation]]:
    """The models of a graph by name of the step or member, and what cannot be found.

    A preprocessor is the one that was trained with its predictor, where that is served: which
    of them answers is said by the predictor alone.
    """
    known: dict[str, Known] = {}
    found: list[Violation] = []
    # Predictors first: they choose their other halves.
    for asking in sorted(askings(spec), key=lambda one: one.half is Half.PREPROCESSOR):
        try:
            models.deployed(asking.model)
        except NotFoundError:
            found.append(Violation(asking.field, f"nothing of {asking.model} is released"))
            continue
        try:
            known[asking.name] = _find(spec, asking, models, known)
        except NotFoundError as error:
            found.append(Violation(f"{asking.where}.version", error.message))
    return known, found


def check_halves(spec: GraphSpec, known: Mapping[str, Known]) -> list[Violation]:
    """Halves that stand where a whole model has to, the reverse, and halves of two pairs."""
    found = []
    for asking in askings(spec):
        complaint = _misplaced(asking, known[asking.name]) if asking.name in known else ""
        if complaint:
            found.append(Violation(asking.field, complaint))
    for index, step in enumerate(spec.steps):
        for asking in askings_of(index, step):
            if asking.half is Half.PREDICTOR and asking.name in known:
                first = known.get(_before(step, index))
                complaint = _parted(first, known[asking.name])
                if complaint:
                    found.append(Violation(asking.field, complaint))
    return found


def takers(spec: GraphSpec, name: str) -> list[Step]:
    """The steps that take the features of a step."""
    return [step for step in spec.steps if step.features == name]


def _find(spec: GraphSpec, asking: Asking, models: Models, known: Mapping[str, Known]) -> Known:
    if asking.half is not Half.PREPROCESSOR:
        return models.find(asking.model, asking.version)
    behind = [asking.step, *(step.name for step in takers(spec, asking.step))]
    for predictor in (known[name] for name in behind if name in known):
        if predictor.pair is not None:
            try:
                return models.paired(asking.model, predictor.pair.id)
            except NotFoundError:
                break  # it is said of the predictor that the two do not go together
    return models.find(asking.model, "")


def _before(step: Step, index: int) -> str:
    """Under what name the preprocessor of a predictor is known."""
    return step.features or askings_of(index, step)[0].name


def _misplaced(asking: Asking, known: Known) -> str:
    model, pair = asking.model, known.pair
    part = None if pair is None else pair.part
    if part is asking.half:
        return ""
    if asking.half is Half.PREPROCESSOR:
        return f"{model} is no preprocessor"
    if asking.half is Half.PREDICTOR:
        return f"{model} takes no features: it is a {part or 'whole model'}"
    partner = "" if pair is None else pair.partner
    if asking.name != asking.step:
        return f"{model} is half of a pair with {partner}; a group has whole models only"
    if part is Half.PREPROCESSOR:
        return f"{model} is a preprocessor; give it as preprocessor"
    return f"{model} takes the features of {partner}: give preprocessor, or features of a step"


def _parted(first: Known | None, second: Known) -> str:
    """That two halves were not trained together, where that is so and both are halves."""
    if first is None or first.pair is None or second.pair is None:
        return ""
    parts = (first.pair.part, second.pair.part)
    if parts != (Half.PREPROCESSOR, Half.PREDICTOR) or first.pair.id == second.pair.id:
        return ""
    return (
        f"{first.model} {first.version} and {second.model} {second.version} "
        "were not trained together"
    )
