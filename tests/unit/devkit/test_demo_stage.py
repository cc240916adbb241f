"""The demonstration of two stages: which rows are asked, what is counted, what is drawn."""

import json
from contextlib import contextmanager
from threading import Lock

import httpx
import numpy as np
import pytest
from devkit import stage_picture, stages
from devkit.api import Api
from devkit.errors import DevkitError
from devkit.screen import Screen
from rich.console import Console
from servery.adapters.npz_datasets import encode
from servery.domain.columns import Values
from servery.domain.signature import Dtype

SPECS = [
    {"name": "light", "data": {"target": "digit"}},
    {"name": "heavy", "data": {"target": "digit"}},
]


def a_table(**columns):
    return {
        name: Values(Dtype.INT, np.array(values), np.zeros(len(values), dtype=bool))
        for name, values in columns.items()
    }


class FakeStack:
    """The artifacts bucket of a stack, with the held-out rows of both models."""

    def __init__(self, tables):
        self.outputs, self.target = {"ArtifactsBucketName": "a"}, self
        self.files = {
            f"datasets/data-{name}/split-{name}/test.npz": encode(table)
            for name, table in tables.items()
        }

    def client(self, service):
        assert service == "s3"
        return self

    def get_object(self, *, Bucket, Key):  # noqa: N803 - names of boto3
        assert Bucket == "a"
        content = self.files[Key]

        class Body:
            def read(self):
                return content

        return {"Body": Body()}


class FakeApi:
    """Two models behind HTTP: the light one says `ink`, the heavy one what the row says."""

    def __init__(self, *, refused=0, state="done"):
        self.jobs, self.asked, self.lock = {}, [], Lock()
        self.refused, self.state = refused, state

    def respond(self, request):
        path = request.url.path
        if path.startswith("/models/"):
            name = path.split("/")[2]
            if path.endswith("/deployment"):
                ref = {"version": "1.0.0-d.s"}
                return httpx.Response(200, json={"current": {"champion": {"ref": ref}}})
            identity = {"data": f"data-{name}", "split": f"split-{name}"}
            return httpx.Response(200, json={"version": {"identity": identity}})
        if path == "/v2/models/light/staged":
            return self.staged(json.loads(request.content)["records"][0])
        return httpx.Response(200, json=self.jobs[path.removeprefix("/jobs/")])

    def staged(self, record):
        with self.lock:
            self.asked.append(record)
            if self.refused:
                self.refused -= 1
                said = {"stage": "heavy", "model": "heavy", "state": "refused", "reason": "away"}
                return httpx.Response(200, json={"predictions": [{"class": 0}], "next": said})
            job = f"j{len(self.jobs)}"
            self.jobs[job] = {
                "id": job,
                "state": self.state,
                "reason": "poison",
                "created": "2026-03-01T12:00:00.000+00:00",
                "finished": "2026-03-01T12:00:01.500+00:00",
                "result": {"predictions": [{"class": record["pixel"]}]},
            }
        body = {"predictions": [{"class": record["ink"]}], "next": {"stage": "heavy", "job": job}}
        return httpx.Response(200, json=body)

    @contextmanager
    def open(self):
        transport = httpx.MockTransport(self.respond)
        with httpx.Client(transport=transport, base_url="http://api") as http:
            yield Api(http)


def test_rows_have_the_columns_of_both_when_both_held_the_same_out():
    tables = {
        "light": a_table(ink=[5, 6], digit=[1, 2]),
        "heavy": a_table(pixel=[7, 8], digit=[1, 2]),
    }
    with FakeApi().open() as api:
        rows = stages.held_out(FakeStack(tables), SPECS, api)

    assert rows == [
        stages.Row({"ink": 5, "pixel": 7}, 1),
        stages.Row({"ink": 6, "pixel": 8}, 2),
    ]


def test_demo_says_so_when_the_models_held_other_rows_out():
    tables = {"light": a_table(ink=[5], digit=[1]), "heavy": a_table(pixel=[7], digit=[2])}
    with FakeApi().open() as api, pytest.raises(DevkitError, match="not tested with the same rows"):
        stages.held_out(FakeStack(tables), SPECS, api)


ROWS = [
    stages.Row({"ink": light, "pixel": heavy}, right)
    for light, heavy, right in [(1, 1, 1), (1, 2, 2), (3, 4, 3), (5, 6, 7), (8, 8, 9)]
]


def test_each_change_is_counted_by_what_it_changed_when_all_rows_were_asked():
    done = []
    with FakeApi().open() as api:
        asked = stages.ask(api, "light", ROWS, done.append)
    found = stages.figures("light", "heavy", asked)

    assert [one.row for one in asked] == ROWS
    assert done == [1, 2, 3, 4, 5]
    assert (found.rows, found.changed, found.changed_share) == (5, 3, 0.6)
    assert (found.to_right, found.to_wrong, found.still_wrong) == (1, 1, 1)
    assert (found.light.accuracy, found.heavy.accuracy) == (0.4, 0.4)
    assert found.heavy.p50_ms == 1500
    assert found.values()["changed_share"] == 0.6


def test_row_is_asked_again_when_a_stage_gave_no_answer():
    fake = FakeApi(refused=1)
    with fake.open() as api:
        asked = stages.ask(api, "light", ROWS[:1], lambda _: None)

    assert len(asked) == 1
    assert len(fake.asked) == 2


def test_reason_is_told_when_a_stage_gives_no_answer_at_all():
    with FakeApi(refused=100).open() as api, pytest.raises(DevkitError, match="away"):
        stages.ask(api, "light", ROWS[:1], lambda _: None)


def test_reason_is_told_when_a_job_has_failed():
    with FakeApi(state="failed").open() as api, pytest.raises(DevkitError, match="poison"):
        stages.ask(api, "light", ROWS[:1], lambda _: None)


def asked_image(light, heavy, right):
    pixels = {f"pixel_{i}_{j}": 16 if i == j else 0 for i in range(8) for j in range(8)}
    return stages.Asked(stages.Row(pixels, right), light, 10.0, heavy, 2000.0)


def test_figures_are_drawn_when_they_are_shown():
    console = Console(width=80, record=True, file=None, force_terminal=False)
    asked = [asked_image(1, 1, 1), asked_image(2, 3, 3)]
    with console.capture() as captured:
        stage_picture.show(Screen(console=console), stages.figures("light", "heavy", asked))
    text = captured.get()

    assert "The second stage changed 50.0% of the answers" in text
    assert "100.0%" in text
    assert "2.0 s" in text
    assert max(map(len, text.splitlines())) <= 80


def test_images_show_what_the_second_stage_put_right_when_there_are_any():
    drawn = stage_picture.images([asked_image(1, 1, 1), asked_image(2, 3, 3), asked_image(3, 2, 3)])
    lines = [text.plain for text in drawn]

    assert lines[0].startswith("██  ")
    assert lines[7].startswith(" " * 14 + "██")
    assert [line.strip() for line in lines[8:]] == ["light says 2", "heavy says 3"]
    assert stage_picture.images([asked_image(1, 1, 1)]) == []


def test_nothing_is_drawn_when_rows_are_no_images():
    row = stages.Row({"age": 3}, 1)
    assert stage_picture.images([stages.Asked(row, 2, 1.0, 1, 1.0)]) == []
