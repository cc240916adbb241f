"""Reports at the keyboard: which lines are read, how experiments are set up, what is shown."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import boto3
import httpx
import msgspec
import pytest
from devkit import charts, comparisons, experiments
from devkit.api import Api
from devkit.errors import UsageError
from devkit.lake import Lake, last_days
from devkit.screen import Screen
from fakes.moto_aws import moto_account
from moto import mock_aws
from rich.console import Console
from servery.domain.comparisons import Comparison
from servery.usecases.monitoring.experiment_report import Question

DAY = "2026-03-01"
LITERAL = "model=!{partitionKeyFromQuery:model}/day=!{partitionKeyFromQuery:day}"


@pytest.fixture
def lake(monkeypatch):
    moto_account(monkeypatch, "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="lake")
        yield Lake(client, "lake")


def put(lake: Lake, key: str, *lines: Any) -> None:
    body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    lake.client.put_object(Bucket=lake.bucket, Key=key, Body=body)


def a_line(number=0, **changes):
    values = {
        "id": f"c-{number}",
        "request_id": f"r-{number}",
        "time": f"{DAY}T12:00:00.000Z",
        "day": DAY,
        "model": "iris",
        "revision": 1,
        "version": "1.1.0",
        "shadow": "1.2.0",
        "status": 200,
        "rows": 2,
        "agreed": 1,
        "classes": [("setosa", "setosa"), ("setosa", "virginica")],
        "latency_ms": 10.0,
        "shadow_latency_ms": 20.0,
    }
    return Comparison(**(values | changes))


def shown(show, found):
    console = Console(file=io.StringIO(), width=120)
    show(Screen(console=console), found)
    return console.file.getvalue()


class TestLake:
    def test_only_lines_of_the_model_and_the_days_when_there_are_others(self, lake):
        put(lake, f"comparisons/model=iris/day={DAY}/a.jsonl", a_line(0), a_line(1))
        put(lake, "comparisons/model=iris/day=2026-02-27/a.jsonl", a_line(2))
        put(lake, f"comparisons/model=iris-2/day={DAY}/a.jsonl", a_line(3, model="iris-2"))
        read = lake.read("comparisons", "iris", ["2026-02-28", DAY], Comparison)
        assert [line.id for line in read] == ["c-0", "c-1"]

    def test_lines_are_found_when_the_cloud_knows_no_partitions(self, lake):
        others = [a_line(1, model="other"), a_line(2, day="2026-02-01")]
        put(lake, f"comparisons/{LITERAL}/2026/03/01/a", a_line(0), *others)
        read = lake.read("comparisons", "iris", [DAY], Comparison)
        assert [line.id for line in read] == ["c-0"]

    def test_days_are_those_of_utc_when_counted_back(self):
        assert last_days(3, datetime(2026, 3, 1, 0, 30, tzinfo=UTC)) == [
            "2026-02-27",
            "2026-02-28",
            "2026-03-01",
        ]


class TestCharts:
    def test_bar_is_as_long_as_its_share(self):
        assert [charts.bar(share, 4) for share in (0, 0.5, 1, 2, -1)] == [
            "",
            "██",
            "████",
            "████",
            "",
        ]
        assert charts.bar(0.03125, 4) == "▏"

    def test_interval_has_its_ends_its_value_and_a_mark(self):
        scale = charts.Scale(-1.0, 1.0, 21)
        assert scale.interval(0.5, 0.2, 0.8, mark=0.0) == "          │ ├──●──┤"
        assert scale.interval(0.1, -0.5, 0.5, mark=0.0) == "     ├────┼●───┤"
        assert scale.interval(0.0, 0.0, 0.0) == "          ●"

    def test_everything_is_in_the_middle_when_there_is_no_width(self):
        assert charts.scale_of([], width=5).interval(0.0, 0.0, 0.0) == "  ●"


class TestCompare:
    def test_agreement_and_what_was_said_instead_when_there_are_classes(self, lake):
        put(lake, f"comparisons/model=iris/day={DAY}/a.jsonl", *(a_line(n) for n in range(50)))
        (report,) = comparisons.reports(lake, "iris", [DAY])
        text = shown(comparisons.show, report)
        assert "50.0% (40.4% to 59.6%) of 100 rows" in text
        assert "virginica 50" in text
        assert "20.0 ms" in text
        assert json.loads(json.dumps(comparisons.plain([report])))[0]["agreed"] == 50

    def test_spread_when_there_are_numbers(self, lake):
        lines = [a_line(n, classes=None, differences=[n / 10, -1.0]) for n in range(10)]
        put(lake, f"comparisons/model=iris/day={DAY}/a.jsonl", *lines)
        (report,) = comparisons.reports(lake, "iris", [DAY])
        text = shown(comparisons.show, report)
        assert "Differences of 20 rows" in text
        assert "-0.275" in text
        assert "Agreement" not in text

    def test_failures_when_the_shadow_has_no_answer(self, lake):
        line = a_line(error="DeadlineExceededError", rows=0, agreed=0, classes=None)
        put(lake, f"comparisons/model=iris/day={DAY}/a.jsonl", line)
        (report,) = comparisons.reports(lake, "iris", [DAY])
        assert "1 without a comparison: DeadlineExceededError" in shown(comparisons.show, report)


def revision(number, *, name="e", split=0.5, sample=1.0, changed="2026-03-01T12:00:00+00:00"):
    experiment = name and {
        "name": name,
        "variants": [{"name": "old", "weight": split}, {"name": "new", "weight": 1 - split}],
        "segments": [{"start": 0.0, "variant": "old"}, {"start": split, "variant": "new"}],
    }
    policies = {"routing": {"experiment": experiment or None}, "log_sample": sample}
    return {"revision": number, "changed": changed, "policies": policies}


def question(*history, name=None):
    answer = httpx.Response(200, json={"history": history, "next": 0})
    http = httpx.Client(transport=httpx.MockTransport(lambda _: answer), base_url="http://api")
    return experiments.question(Api(http), "iris", name)


class TestQuestion:
    def test_weights_are_those_of_the_running_experiment(self):
        asked = question(revision(2, split=0.9), revision(1, name=""))
        assert (asked.experiment, asked.weights) == ("e", {"old": 0.9, "new": pytest.approx(0.1)})
        assert asked.since == ""

    def test_keys_count_from_when_the_change_was_in_force_when_weights_were_changed(self):
        asked = question(
            revision(4, split=0.5, changed="2026-03-01T14:00:00+00:00"),
            revision(3, split=0.5, changed="2026-03-01T13:00:00+00:00"),
            revision(2, split=0.9),
            revision(1, name=""),
        )
        assert asked.since == "2026-03-01T13:00:05.000+00:00"

    def test_sample_is_the_smallest_that_the_experiment_ran_with(self):
        asked = question(
            revision(4), revision(3, sample=0.25), revision(2), revision(1, name="", sample=0.1)
        )
        assert asked.sample == 0.25

    def test_refused_when_none_runs_and_none_is_named(self):
        with pytest.raises(UsageError, match="no experiment"):
            question(revision(1, name=""))

    def test_no_weights_when_the_experiment_is_over(self):
        asked = question(revision(2, name=""), revision(1, sample=0.5), name="e")
        assert (asked.experiment, asked.weights, asked.sample) == ("e", {}, 0.5)


class TestExperiment:
    def lines(self, lake, share=0.5):
        exposures, labels = [], []
        for n in range(400):
            variant = "new" if n < 400 * share else "old"
            right = n % 10 < (9 if variant == "new" else 6)
            exposures.append(
                {
                    "request_id": f"r-{n}",
                    "time": f"{DAY}T12:00:00.000Z",
                    "day": DAY,
                    "model": "iris",
                    "model_version": f"1.{variant}",
                    "experiment": "e",
                    "variant": variant,
                    "key": f"k-{n}",
                    "status": 200,
                    "latency_ms": 10.0 + n % 3,
                    "output": {"predictions": [{"class": "a"}]},
                    "input": {"records": [{}]},
                }
            )
            labels.append(
                {
                    "schema": 1,
                    "request_id": f"r-{n}",
                    "row": 0,
                    "label": "a" if right else "b",
                    "model": "unknown",
                    "time": f"{DAY}T13:00:00.000Z",
                    "day": DAY,
                }
            )
        put(lake, f"predictions/model=iris/day={DAY}/a", *exposures)
        put(lake, f"labels/model=unknown/day={DAY}/a", *labels)

    def asked(self):
        return Question(model="iris", experiment="e", weights={"old": 0.5, "new": 0.5})

    def test_variants_and_differences_are_drawn_when_labels_came(self, lake):
        self.lines(lake)
        found = experiments.report(lake, self.asked(), [DAY])
        text = shown(experiments.show, found)
        assert "accuracy, difference from old (newcombe)" in text
        assert "+0.3 (" in text
        assert "90.0% (85.1% to 93.4%)" in text
        assert "│" in text
        assert "●" in text
        assert "The shares are those of the weights" in text
        assert comparisons.plain(found)["variants"][1]["labelled"] == 200

    def test_warned_when_the_shares_are_not_those_of_the_weights(self, lake):
        self.lines(lake, share=0.7)
        text = shown(experiments.show, experiments.report(lake, self.asked(), [DAY]))
        assert "no figure here is to be trusted" in " ".join(text.split())

    def test_told_how_labels_come_when_there_are_none(self, lake):
        found = experiments.report(lake, self.asked(), [DAY])
        assert "POST /labels" in shown(experiments.show, found)
