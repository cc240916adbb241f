"""The answers to many requests out of one call of the model."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from servery.domain.inference import Form, Prediction, Question
from servery.errors import InvalidInputError
from servery.usecases.predictor.answering import Answered, context_of, misfit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from servery.ports import LoadedModel
    from servery.usecases.predictor.answering import Asked
    from servery.usecases.predictor.shelf import Chosen

Predicted = tuple[Prediction, float]


def infer_many(chosen: Chosen, asked: Sequence[Asked]) -> Iterator[Answered | Exception]:
    """Predict the rows of many requests together, and answer each by itself.

    Each answer is what `infer` would have given for its request: its document, or the error that
    it would have raised. Where the model refuses the rows of all, it is asked for each request
    alone, so that only the guilty one is refused. A request's share of the model's time is by rows.

    Yields:
        An answer or an error for each request, in order; the answer is written when it is asked
        for.
    """
    model = chosen.model
    questions = [_decoded(model, one) for one in asked]
    predictions = iter(_predict(model, [q for q in questions if isinstance(q, Question)]))
    for one, question in zip(asked, questions, strict=True):
        if isinstance(question, Exception):
            yield _blamed(chosen, question)
            continue
        predicted = next(predictions)
        if isinstance(predicted, Exception):
            yield _blamed(chosen, predicted)
            continue
        prediction, model_ms = predicted
        try:
            body = model.codec.encode(question, prediction, context_of(chosen, one))
        except Exception as error:
            yield _blamed(chosen, error)
            continue
        yield Answered(body, question.rows, round(model_ms, 3))


def _decoded(model: LoadedModel, asked: Asked) -> Question | Exception:
    try:
        return model.codec.decode(asked.body)
    except Exception as error:
        return error


def _blamed(chosen: Chosen, error: Exception) -> Exception:
    if not (chosen.degraded and isinstance(error, InvalidInputError)):
        return error
    told = misfit()
    told.__cause__ = error
    return told


def _predict(model: LoadedModel, questions: list[Question]) -> list[Predicted | Exception]:
    if not questions:
        return []
    try:
        together, model_ms = _timed(model, _joined(questions))
    except Exception as error:
        if len(questions) == 1:
            return [error]
        return [_alone(model, question) for question in questions]
    rows = sum(question.rows for question in questions)
    parts: list[Predicted | Exception] = []
    start = 0
    for question in questions:
        stop = start + question.rows
        scores = together.probabilities
        part = Prediction(
            together.answers[start:stop], None if scores is None else scores[start:stop]
        )
        parts.append((part, model_ms * question.rows / rows))
        start = stop
    return parts


def _alone(model: LoadedModel, question: Question) -> Predicted | Exception:
    try:
        return _timed(model, question)
    except Exception as error:
        return error


def _timed(model: LoadedModel, question: Question) -> Predicted:
    started = time.perf_counter()
    prediction = model.predict(question)
    return prediction, (time.perf_counter() - started) * 1000


def _joined(questions: list[Question]) -> Question:
    if len(questions) == 1:
        return questions[0]
    numeric = [q.numeric for q in questions if q.numeric is not None]
    text = [q.text for q in questions if q.text is not None]
    return Question(
        form=Form.RECORDS,
        rows=sum(question.rows for question in questions),
        numeric=np.concatenate(numeric) if numeric else None,
        text=np.concatenate(text) if text else None,
    )
