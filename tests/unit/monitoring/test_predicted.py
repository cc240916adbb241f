"""Predictions read out of answers, in every form that a model server writes."""

from __future__ import annotations

import json

import pytest
from servery.domain.comparisons import Comparison, compared
from servery.domain.predicted import Predicted, read_predicted, read_said
from servery.errors import MalformedError


def records(*rows, **said):
    return json.dumps({"model": "m", "model_version": "v", "predictions": rows, **said})


def tensors(*outputs, **said):
    made = [{"name": n, "shape": s, "datatype": "FP32", "data": d} for n, s, d in outputs]
    return json.dumps(
        {"model_name": "m", "model_version": "v", "parameters": said, "outputs": made}
    )


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (records({"class": "a", "probabilities": {"a": 1.0}}), Predicted(classes=["a"])),
        (records({"class": 0}, {"class": 1}), Predicted(classes=[0, 1])),
        (records({"class": False}), Predicted(classes=[False])),
        (records({"value": 1.5, "unit": "eur"}), Predicted(numbers=[[1.5]])),
        (records({"features": {"a": 1, "b": 2.5}}), Predicted(numbers=[[1.0, 2.5]])),
        (
            tensors(("class", [2], ["a", "b"]), ("probabilities", [2, 2], [1, 0, 0, 1])),
            Predicted(classes=["a", "b"]),
        ),
        (tensors(("value", [2], [1, 2.5])), Predicted(numbers=[[1], [2.5]])),
        (tensors(("features", [2, 2], [1, 2, 3, 4])), Predicted(numbers=[[1, 2], [3, 4]])),
    ],
)
def test_predictions_are_read_when_they_come_in_any_form(document, expected):
    assert read_predicted(document) == expected
    assert read_predicted(document.encode()) == expected


@pytest.mark.parametrize(
    "document",
    ["no json", "[]", "{}", tensors(("probabilities", [1, 2], [0, 1])), records({"unit": "eur"})],
)
def test_refused_when_an_answer_does_not_tell(document):
    with pytest.raises(MalformedError):
        read_predicted(document)


def test_what_an_answer_says_of_itself_is_found_in_either_form():
    assert read_said(records({"class": 1}, cache="hit")).cache == "hit"
    said = read_said(tensors(("value", [1], [1]), cache="partial", degraded=True))
    assert (said.cache, said.degraded) == ("partial", True)
    assert read_said(records({"class": 1})).cache == "off"


LINE = Comparison(
    id="c",
    request_id="r",
    time="2026-03-01T12:00:00Z",
    day="2026-03-01",
    model="iris",
    revision=1,
    version="a",
    shadow="b",
    latency_ms=1.0,
)


class TestCompared:
    def test_pairs_and_agreement_when_both_have_classes(self):
        line = compared(
            LINE, Predicted(classes=["a", "b", "b"]), Predicted(classes=["a", "b", "a"])
        )
        assert (line.rows, line.agreed) == (3, 2)
        assert line.classes == [("a", "a"), ("b", "b"), ("b", "a")]
        assert line.differences is None

    def test_signed_differences_when_both_have_numbers(self):
        line = compared(LINE, Predicted(numbers=[[1.0], [2.0]]), Predicted(numbers=[[1.0], [1.5]]))
        assert (line.rows, line.agreed, line.differences) == (2, 1, [0.0, -0.5])

    def test_furthest_feature_counts_when_rows_have_several(self):
        line = compared(LINE, Predicted(numbers=[[1.0, 5.0]]), Predicted(numbers=[[1.5, 3.0]]))
        assert line.differences == [-2.0]

    @pytest.mark.parametrize(
        "other",
        [
            Predicted(classes=["a"]),
            Predicted(numbers=[[1.0], [2.0]]),
            Predicted(numbers=[[1.0, 2.0]]),
        ],
        ids=["kind", "rows", "features"],
    )
    def test_nothing_is_compared_when_answers_are_of_another_kind_or_size(self, other):
        line = compared(LINE, Predicted(numbers=[[1.0]]), other)
        assert (line.error, line.rows, line.differences) == ("IncomparableError", 0, None)
