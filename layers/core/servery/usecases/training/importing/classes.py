"""Which classes a foreign graph answers, and in which order its numbers are theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from servery.errors import InvalidInputError

if TYPE_CHECKING:
    from servery.usecases.training.proof import Answers

_FEWEST = 2
_MATRIX = 2


def settle_classes(
    answers: Answers, named: list[Any], target: list[Any] | None
) -> list[str | int | bool]:
    """The classes in the order of the probabilities.

    They are those that the graph names. Where it names none, they are those of the sample and of
    its answers in their order, if on every row the most probable of them is the answer.

    Args:
        answers: Of the graph, to the rows of the sample.
        named: The classes that the graph names; empty where it names none.
        target: The target of the sample; None where there is none.

    Raises:
        InvalidInputError: the classes cannot be told, or the answers are others.
    """
    found = answers.first.tolist()
    width = _width(answers)
    classes = named
    if not named or len(named) != (width or len(named)):
        classes = sorted({*found, *(target or [])}, key=lambda value: (str(type(value)), value))
        if width and len(classes) != width:
            raise InvalidInputError(
                f"the model gives {width} probabilities and the sample shows {len(classes)} "
                "classes; give it a row of each class, with the target"
            )
        if answers.scores is not None:
            best = [classes[place] for place in np.argmax(answers.scores, axis=1)]
            if best != found:
                raise InvalidInputError(
                    "the model does not name its classes, and its most probable one is not its "
                    "answer; export it with its classes (zipmap)"
                )
    if unknown := sorted({str(value) for value in found if value not in classes}):
        raise InvalidInputError(
            f"the model answers classes that it does not name: {', '.join(unknown[:10])}"
        )
    if len(set(classes)) != len(classes) or len(classes) < _FEWEST:
        raise InvalidInputError("the model has fewer than two classes, or one of them twice")
    return list(classes)


def _width(answers: Answers) -> int | None:
    """How many numbers each row has.

    Raises:
        InvalidInputError: the numbers are no matrix of one row for each answer.
    """
    scores = answers.scores
    if scores is None:
        return None
    if scores.ndim != _MATRIX or len(scores) != len(answers.first):
        raise InvalidInputError("the second output of the model is no row of numbers for each row")
    total = scores.sum(axis=1)
    if (scores < 0).any() or not np.allclose(total, 1, atol=1e-3):
        raise InvalidInputError(
            "the second output of the model is no probability for each class: the numbers of a "
            "row do not sum to 1"
        )
    return int(scores.shape[1])
