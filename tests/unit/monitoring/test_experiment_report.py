"""What an experiment comes to: figures by hand, and a truth that was put in comes out again."""

from __future__ import annotations

import json
import math
from random import Random

import msgspec
import pytest
from servery.domain.sampling import in_sample
from servery.usecases.monitoring.experiment_report import Question, experiment_report
from servery.usecases.monitoring.exposures import MOST_GROUPS, Exposure, read_labels, tally
from servery.usecases.monitoring.labelling import LabelLine

EVEN = Question(model="iris", experiment="e", weights={"old": 0.5, "new": 0.5})


def an_exposure(number, variant="old", predicted=("x",), **changes):
    rows = [{"class": p} if isinstance(p, str) else {"value": p} for p in predicted]
    values = {
        "request_id": f"r-{number}",
        "time": "2026-03-01T12:00:00.000Z",
        "model": "iris",
        "model_version": f"version-{variant}",
        "experiment": "e",
        "variant": variant,
        "key": f"k-{number}",
        "status": 200,
        "latency_ms": 10.0,
        "output": msgspec.Raw(json.dumps({"predictions": rows}).encode()),
    }
    return Exposure(**(values | changes))


def a_label(number, label, row=0, time="2026-03-02T12:00:00.000Z"):
    return LabelLine(
        request_id=f"r-{number}", row=row, label=label, model="iris", time=time, day=time[:10]
    )


def report(lines, labels=(), question=EVEN):
    return experiment_report(question, lines, read_labels(labels))


def of(found, measure):
    (difference,) = [each for each in found.differences if each.measure == measure]
    return difference


class TestExposures:
    def test_counted_by_variant_when_they_are_of_the_experiment(self):
        lines = [
            an_exposure(0),
            an_exposure(1),
            an_exposure(2, "new", key="k-1"),
            an_exposure(3, "new", status=503, fallback="refuse"),
            an_exposure(4, "new", status=200, fallback="default", degraded=True),
            an_exposure(5, experiment="another"),
            an_exposure(6, experiment="", variant=""),
        ]
        found = report(lines)
        old, new = found.variants
        assert (old.name, old.exposures, old.keys, old.errors, old.fallbacks) == ("old", 2, 2, 0, 0)
        assert (new.name, new.exposures, new.keys, new.errors, new.fallbacks) == ("new", 3, 3, 1, 2)
        assert (new.latency_ms.count, new.versions) == (1, ["version-new"])
        assert found.moved == 1
        assert (found.measure, old.quality) == ("", None)

    def test_line_counts_once_when_the_lake_has_it_twice(self):
        assert report([an_exposure(0), an_exposure(0)]).variants[0].exposures == 1

    def test_failures_count_no_more_than_successes_when_the_log_is_a_sample(self):
        """All failures are logged, and one request in ten of those that went well."""
        lines = []
        for number in range(4000):
            failed = number % 4 == 0
            if failed or in_sample(f"r-{number}", 0.1):
                lines.append(an_exposure(number, status=500 if failed else 200))
        question = Question(model="iris", experiment="e", weights={"old": 1.0}, sample=0.1)
        (old,) = report(lines, question=question).variants
        assert 330 < old.exposures < 470
        assert old.error_rate.low < 0.25 < old.error_rate.high

    def test_all_variants_are_there_when_some_had_nobody_or_are_gone(self):
        found = report([an_exposure(0, "gone")])
        assert [v.name for v in found.variants] == ["old", "new", "gone"]
        assert [v.weight for v in found.variants] == [0.5, 0.5, None]

    def test_no_check_of_shares_when_the_experiment_is_over(self):
        found = report([an_exposure(0)], question=Question(model="iris", experiment="e"))
        assert found.shares is None


class TestLabels:
    def test_last_one_holds_when_a_row_has_several(self):
        told = [a_label(0, "y", time="2026-03-03"), a_label(0, "x", time="2026-03-02")]
        assert read_labels(told) == {"r-0": {0: "y"}}

    def test_accuracy_when_the_answers_are_classes(self):
        lines = [an_exposure(n, predicted=("x", "y")) for n in range(10)]
        labels = [a_label(n, "x", row=r) for n in range(10) for r in (0, 1)]
        found = report(lines, labels)
        assert found.measure == "accuracy"
        assert (found.variants[0].labelled, found.variants[0].quality.value) == (20, 0.5)

    def test_root_of_the_mean_square_when_the_answers_are_numbers(self):
        lines = [an_exposure(n, predicted=(float(n % 2),)) for n in range(10)]
        labels = [a_label(n, 3) for n in range(10)]
        found = report(lines, labels)
        assert found.measure == "rmse"
        assert found.variants[0].quality.value == pytest.approx(math.sqrt((9 + 4) / 2))
        assert found.variants[0].quality.low < found.variants[0].quality.value

    @pytest.mark.parametrize(
        "changes",
        [
            {"fallback": "default"},
            {"degraded": True},
            {"status": 504},
            {"output": msgspec.Raw(b"null")},
            {"output": msgspec.Raw(b"{}")},
            {"hashed": ["output"]},
            {"omitted": ["output"]},
        ],
        ids=["fallback", "another version", "failed", "personal", "foreign", "hashed", "omitted"],
    )
    def test_not_scored_when_the_variant_itself_has_not_answered(self, changes):
        assert report([an_exposure(0, **changes)], [a_label(0, "x")]).variants[0].labelled == 0

    @pytest.mark.parametrize(
        ("predicted", "label"), [((1.0,), "x"), ((1.0,), True)], ids=["text", "truth"]
    )
    def test_not_scored_when_label_and_answer_do_not_go_together(self, predicted, label):
        found = report([an_exposure(0, predicted=predicted)], [a_label(0, label)])
        assert found.variants[0].labelled == 0

    def test_not_scored_when_there_is_no_such_row(self):
        assert report([an_exposure(0)], [a_label(0, "x", row=1)]).variants[0].labelled == 0

    def test_left_out_when_the_id_of_the_request_was_used_again(self):
        again = an_exposure(0, "new", time="2026-03-01T13:00:00.000Z")
        found = report([an_exposure(0), again], [a_label(0, "x")])
        assert [v.labelled for v in found.variants] == [0, 0]
        assert found.twice == 1


def simulated(source, *, keys, requests, truth):
    """Lines and labels of a world in which variants are right as often as `truth` says."""
    lines, labels, number = [], [], 0
    for key in range(keys):
        variant = "new" if source.random() < 0.5 else "old"
        for _ in range(requests):
            hit = source.random() < truth[variant]
            latency = source.gauss(20 if variant == "new" else 10, 2)
            failed = source.random() < (0.1 if variant == "new" else 0.02)
            lines.append(
                an_exposure(
                    number,
                    variant,
                    key=f"k-{key}",
                    latency_ms=latency,
                    status=500 if failed else 200,
                )
            )
            labels.append(a_label(number, "x" if hit else "y"))
            number += 1
    return lines, labels


class TestDifferences:
    @pytest.mark.parametrize(
        ("requests", "method"), [(1, "newcombe"), (4, "bootstrap by key")], ids=["once", "often"]
    )
    def test_truth_is_found_when_there_is_one(self, requests, method):
        truth = {"old": 0.7, "new": 0.8}
        lines, labels = simulated(Random(1), keys=3000, requests=requests, truth=truth)  # noqa: S311
        found = report(lines, labels)
        accuracy = of(found, "accuracy")
        assert accuracy.low < 0.1 < accuracy.high
        assert (accuracy.clear, accuracy.method) == (True, method)
        assert (accuracy.variant, accuracy.against) == ("new", "old")
        errors, latency = of(found, "error_rate"), of(found, "latency_ms")
        assert errors.low < 0.08 < errors.high
        assert latency.low < 10 < latency.high
        assert errors.clear
        assert latency.clear
        assert found.shares.suspicious is False

    def test_nothing_is_clear_when_there_is_no_difference(self):
        truth = {"old": 0.7, "new": 0.7}
        lines, labels = simulated(Random(2), keys=2000, requests=1, truth=truth)  # noqa: S311
        assert of(report(lines, labels), "accuracy").clear is False

    def test_few_keys_make_no_interval_when_they_are_too_few(self):
        lines = [an_exposure(n, predicted=("x", "x"), key="k") for n in range(5)]
        labels = [a_label(n, "x", row=r) for n in range(5) for r in (0, 1)]
        quality = report(lines, labels).variants[0].quality
        assert (quality.value, quality.low, quality.high) == (1.0, None, None)

    def test_groups_are_bounded_and_whole_when_there_are_many_keys(self):
        lines = [an_exposure(n) for n in range(3 * MOST_GROUPS)]
        labels = read_labels([a_label(n, "x") for n in range(3 * MOST_GROUPS)])
        counted = tally(lines, labels, experiment="e", sample=1.0, since="").tallies["old"]
        groups = counted.groups()
        assert len(groups) == MOST_GROUPS
        assert sum(count for _, count in groups) == 3 * MOST_GROUPS


class TestShares:
    def test_suspicious_when_keys_are_not_where_they_should_be(self):
        lines = [an_exposure(n, "new" if n % 5 < 2 else "old") for n in range(2000)]
        found = report(lines)
        assert found.shares.keys == {"old": 1200, "new": 800}
        assert found.shares.suspicious

    def test_only_keys_since_the_weights_were_changed_count(self):
        before = [an_exposure(n, "old") for n in range(500)]
        after = [
            an_exposure(n, "new" if n % 2 else "old", time="2026-03-02T00:00:00.000Z")
            for n in range(1000, 2000)
        ]
        question = Question(
            model="iris", experiment="e", weights=EVEN.weights, since="2026-03-01T18:00:00.000Z"
        )
        found = report(before + after, question=question)
        assert found.shares.keys == {"old": 500, "new": 500}
        assert found.shares.suspicious is False
        assert found.variants[0].keys == 1000


def test_report_can_be_written_when_it_is_whole():
    lines, labels = simulated(Random(3), keys=50, requests=2, truth={"old": 0.5, "new": 0.6})  # noqa: S311
    written = json.loads(msgspec.json.encode(report(lines, labels)))
    assert {each["measure"] for each in written["differences"]} == {
        "accuracy",
        "error_rate",
        "latency_ms",
    }
