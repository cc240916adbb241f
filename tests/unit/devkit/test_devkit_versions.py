"""Versions at the keyboard: predictions traced, pictures drawn, the same rows fetched again."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree as ET

import boto3
import httpx
import msgspec
import pytest
from devkit import graph_svg, graph_text, lineage, lineage_picture, stored_rows, version_views
from devkit.api import Api, ApiError
from devkit.errors import DevkitError, UsageError
from devkit.lake import Lake
from devkit.lineage import Prediction
from devkit.screen import Screen
from devkit.training import named
from fakes.moto_aws import moto_account
from fakes.training import Training, as_csv, flower_spec, flowers
from moto import mock_aws
from rich.console import Console
from servery.adapters.csv_table import read_csv
from servery.domain.columns import digest_columns
from servery.domain.spec_rules import read_spec
from servery.usecases.registry.tracing import trace
from servery.usecases.training.rows import RowFilter

DAYS = ["2026-02-28", "2026-03-01"]
OUT = "1.1.0-dabc1234.sdef5678"


@pytest.fixture
def trained():
    """A registered training of flowers, with missing lengths and hard text among the rows."""
    rows = flowers()
    spec = flower_spec()
    spec["data"]["columns"][0] = {**spec["data"]["columns"][0], "nullable": True}
    spec["data"]["columns"].append(
        {"name": "who, when", "dtype": "string", "role": "id", "nullable": True}
    )
    spec["data"]["columns"].append({"name": "old", "dtype": "bool", "unit": "1"})
    spec["data"]["columns"].append({"name": "count", "dtype": "int", "unit": "1"})
    for index, row in enumerate(rows):
        row["who, when"] = ('say "no"', "two\nlines", "", " ä ")[index % 4]
        row["old"] = ("true", "false")[index % 2]
        row["count"] = 2**60 + index
        row["length"] = "" if index % 9 == 0 else row["length"] / 3
    return Training(spec, as_csv(rows)).run()


def told(training):
    done = training.state["register"]
    view = trace(
        "flower",
        done["version"],
        "",
        registry=training.registry,
        objects=training.store,
    )
    return msgspec.to_builtins(view)


class TestRows:
    def test_rows_are_the_same_ones_when_they_are_fetched_again(self, trained):
        found = stored_rows.fetch(trained.store.objects.get, told(trained))

        state = trained.state
        assert found.rows == (state["preprocess"]["train_rows"], state["preprocess"]["test_rows"])
        key = f"datasets/{state['collect']['dataset']}/{state['preprocess']['split']}/test.npz"
        assert digest_columns(found.test) == digest_columns(trained.datasets.read(key))

    def test_files_give_the_very_same_rows_when_they_are_read_again(self, trained, tmp_path):
        found = stored_rows.fetch(trained.store.objects.get, told(trained))
        spec = read_spec(trained.state["spec"])

        stored_rows.write(found, tmp_path, [c.name for c in spec.data.columns], {"model": "flower"})

        for name, columns in (("train", found.train), ("test", found.test)):
            rows = RowFilter(spec.data.columns)
            for chunk in read_csv((tmp_path / f"{name}.csv").read_bytes(), spec.data.columns):
                rows.add(chunk)
            assert rows.rejected == 0
            assert digest_columns(rows.good()) == digest_columns(columns)
        header = (tmp_path / "train.csv").read_text().splitlines()[0]
        assert header == 'length,width,colour,kind,"who, when",old,count'
        assert json.loads((tmp_path / "data.json").read_text()) == {"model": "flower"}

    @pytest.mark.parametrize("name", ["data.npz", "train.npz", "test.npz", "assignment"])
    def test_refused_when_a_file_is_gone(self, trained, name):
        (key,) = (k for k in trained.store.objects if k.endswith(f"/{name}"))
        del trained.store.objects[key]
        with pytest.raises(DevkitError):
            stored_rows.fetch(trained.store.objects.get, told(trained))

    def test_refused_when_the_rows_are_others(self, trained):
        one, other = told(trained), Training(flower_spec(), as_csv(flowers(seed=3))).run()
        (key,) = (k for k in other.store.objects if k.endswith("/data.npz"))
        trained.store.objects[one["data"]["key"]] = other.store.objects[key]
        with pytest.raises(DevkitError, match="not those that the version was made of"):
            stored_rows.fetch(trained.store.objects.get, one)

    def test_refused_when_train_and_test_rows_have_changed_places(self, trained):
        one = told(trained)
        objects, key = trained.store.objects, one["split"]["key"]
        objects[f"{key}train.npz"] = objects[f"{key}test.npz"]
        with pytest.raises(DevkitError, match="train rows are not those"):
            stored_rows.fetch(objects.get, one)

    def test_refused_when_the_assignment_is_another(self, trained):
        one = told(trained)
        key = f"{one['split']['key']}assignment"
        content = bytearray(trained.store.objects[key])
        content[0] ^= 1
        trained.store.objects[key] = bytes(content)
        with pytest.raises(DevkitError, match="not what was recorded"):
            stored_rows.fetch(trained.store.objects.get, one)

    def test_refused_when_a_file_is_none_of_ours(self, trained):
        one = told(trained)
        trained.store.objects[one["data"]["key"]] = b"PK nothing"
        with pytest.raises(DevkitError, match="cannot be read"):
            stored_rows.fetch(trained.store.objects.get, one)


class TestPicture:
    def test_boxes_follow_from_the_data_to_the_version(self, trained):
        lines = graph_text.drawn(lineage_picture.layout(told(trained)), 80)

        text = "\n".join(lines)
        places = [text.index(f"╭ {name} ") for name in ("data", "split", "training", "development")]
        assert places == sorted(places)
        assert all(len(line) <= 80 for line in lines)
        assert told(trained)["data"]["dataset"][:16] in text
        assert "DecisionTreeClassifier" in text

    def test_prediction_hangs_on_the_server_of_its_version(self, trained):
        whole = {
            **told(trained),
            "releases": [a_release("r1", OUT), a_release("r2", "2.1.0-d.s")],
            "serving": [serving("champion", "2.1.0-d.s"), serving("last_good", OUT)],
            "request": msgspec.to_builtins(a_prediction()),
        }

        layout = lineage_picture.layout(whole)

        assert ("version", "r1") in layout.arrows
        assert ("r1", f"last_good {OUT}") in layout.arrows
        assert ("r2", "champion 2.1.0-d.s") in layout.arrows
        assert (f"last_good {OUT}", "request") in layout.arrows
        assert "r-1" in "\n".join(graph_text.drawn(layout, 80))

    def test_prediction_hangs_on_the_release_when_its_server_is_gone(self, trained):
        whole = {
            **told(trained),
            "releases": [a_release("r1", OUT), a_release("r2", "2.1.0-d.s")],
            "request": msgspec.to_builtins(a_prediction()),
        }
        assert ("r1", "request") in lineage_picture.layout(whole).arrows

    def test_reasons_and_skipped_steps_are_told_when_there_are_some(self, trained):
        whole = told(trained)
        whole["version"] |= {"follows": "0.1.0-d.s", "changes": [{"said": "depth is 3, was 2"}] * 9}
        whole["training"]["steps"] = {
            "collect": {"state": "skipped", "started": "", "from": "flower-0"},
            "train": {"state": "done", "started": "", "seconds": 2.25},
        }

        text = "\n".join(graph_text.drawn(lineage_picture.layout(whole), 100))

        assert "after 0.1.0-d.s:" in text
        assert "... and 3 more" in text
        assert "from flower-0" in text
        assert "2.2 s" in text

    def test_svg_is_whole_and_loads_nothing_when_written(self, trained):
        layout = lineage_picture.layout(told(trained))
        document = graph_svg.document(layout, "Lineage of <flower>", "flower")

        assert ET.fromstring(document).tag.endswith("svg")  # noqa: S314 - our own document
        assert "&lt;flower&gt;" in document
        assert document.count("http") == 1
        assert "<script" not in document

    def test_digests_are_whole_when_they_are_listed(self, trained):
        listed = dict(lineage_picture.digests(told(trained)))
        assert listed["rows"] == trained.state["collect"]["dataset"]
        assert {len(digest) for digest in listed.values()} == {64}


class TestRequests:
    def test_line_is_found_when_another_model_answered_it(self, lake):
        put(lake, f"predictions/model=iris/day={DAYS[1]}/1", a_prediction(model="iris"))
        put(lake, f"predictions/model=wine/day={DAYS[0]}/1", a_prediction("r-2", model="wine"))

        found = lineage.find_request(lake, "r-2", ["iris", "wine"], DAYS)

        assert (found.model, found.request_id) == ("wine", "r-2")

    def test_hint_is_given_when_no_line_has_the_id(self, lake):
        with pytest.raises(DevkitError, match="r-9") as caught:
            lineage.find_request(lake, "r-9", ["iris"], DAYS)
        assert "--days" in caught.value.hint

    def test_version_of_the_line_is_traced_with_its_training(self):
        asked = []
        http = api(lambda request: (asked.append(str(request.url)), {"model": "iris"})[1])

        told = lineage.of_request(http, a_prediction(training="tr3"))

        assert asked == [f"https://api/models/iris/versions/{OUT}/lineage?training=tr3"]
        assert told["request"]["request_id"] == "r-1"

    def test_refused_when_no_version_answered(self):
        with pytest.raises(DevkitError, match="it was refused, status 422"):
            lineage.of_request(api(), a_prediction(model_version="", status=422))
        with pytest.raises(DevkitError, match=r"a fallback \(default\) answered"):
            lineage.of_request(api(), a_prediction(model_version="", fallback="default"))

    def test_other_models_are_asked_when_a_light_one_stood_in(self):
        def answer(request):
            if request.url.path == "/models":
                return {"models": [{"name": "iris"}, {"name": "light"}], "next": ""}
            return {"model": "light"} if "/light/" in request.url.path else None

        told = lineage.of_request(api(answer), a_prediction(fallback="light"))

        assert told["model"] == "light"

    def test_refused_when_the_registry_has_no_such_version(self):
        with pytest.raises(DevkitError, match="not in the registry"):
            lineage.of_request(api(), a_prediction())

    def test_other_errors_are_told_as_they_are(self):
        with pytest.raises(ApiError):
            lineage.of_request(api(lambda request: 422), a_prediction())

    @pytest.mark.parametrize(
        ("champion", "versions", "asked"),
        [(OUT, ["0.2.0-d.s"], OUT), ("", ["0.2.0-d.s", "0.1.0-d.s"], "0.2.0-d.s")],
    )
    def test_champion_or_newest_is_traced_when_no_version_is_named(self, champion, versions, asked):
        def answer(request):
            if request.url.path == "/models/iris":
                listed = [{"version": version} for version in versions]
                return {"model": {"champion": champion}, "versions": listed}
            return {"asked": request.url.path.split("/")[4]}

        assert lineage.of_version(api(answer), "iris")["asked"] == asked

    def test_refused_when_nothing_of_the_model_is_registered(self):
        http = api(lambda request: {"model": {"champion": ""}, "versions": []})
        with pytest.raises(DevkitError, match="registered"):
            lineage.of_version(http, "iris")


class TestViews:
    def test_figures_stand_side_by_side_when_two_are_compared(self):
        side = {"version": "0.1.0-d.s", "training": "tr0"}
        diff = {
            "model": "iris",
            "before": side,
            "after": {**side, "training": "tr1"},
            "bumps": ["Z"],
            "changes": [{"subject": "parameters", "said": "C is 3, was 1", "bumps": "Z"}],
            "metrics": [
                {"name": "accuracy", "before": 0.5, "after": 0.75},
                {"name": "f1", "before": None, "after": 0.9},
            ],
            "rows": [{"name": "train", "before": 100, "after": 100}],
            "latency": [],
            "parameters": [
                {"name": "C", "before": 1, "after": 3},
                {"name": "tol", "before": 0.1, "after": 0.1},
            ],
            "libraries": [],
            "same_rows": False,
        }

        text = shown(version_views.show_diff, diff, everything=False)
        whole = shown(version_views.show_diff, diff, everything=True)

        assert "the logic (Z)" in text
        assert "C is 3, was 1" in text
        assert "+0.25 (+50.0%)" in text
        assert "tested on other rows" in text
        assert "tol" not in text
        assert "tol" in whole

    def test_library_is_named_when_a_version_cannot_be_served(self):
        entry = {"library": "scikit-learn", "made_with": "1.8.0", "here": "1.9.1", "fits": "1.8.0"}
        version = {"version": "0.1.0-d.s", "training": "tr0", "runtime": "joblib", "role": ""}
        found = {
            "model": "iris",
            "here": {"scikit-learn": "1.9.1"},
            "versions": [{**version, "ok": False, "libraries": [entry], "reason": ""}],
        }

        text = shown(version_views.show_fit, found)

        assert "0.1.0-d.s tr0" in text
        assert text.count("1.8.0") == 2

    def test_findings_are_listed_when_an_audit_has_some(self):
        clean = shown(version_views.show_audit, {"model": "iris", "artifacts": 2, "findings": []})
        finding = {"prefix": "models/iris/x/tr1", "wrong": "foreign", "said": "not registered"}
        dirty = shown(
            version_views.show_audit, {"model": "iris", "artifacts": 2, "findings": [finding]}
        )
        assert "nothing else is" in clean
        assert "models/iris/x/tr1" in dirty


def test_experiment_is_part_of_the_event_when_it_is_named():
    assert (named(None), named("with-gauss")) == ({}, {"experiment": "with-gauss"})
    with pytest.raises(UsageError, match="tr0"):
        named("tr0")


@pytest.fixture
def lake(monkeypatch):
    moto_account(monkeypatch, "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="lake")
        yield Lake(client, "lake")


def put(lake, key, *lines):
    body = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    lake.client.put_object(Bucket=lake.bucket, Key=key, Body=body)


def a_prediction(request_id="r-1", **changes):
    values = {
        "request_id": request_id,
        "time": "2026-03-01T12:00:00.000Z",
        "day": "2026-03-01",
        "model": "iris",
        "model_version": OUT,
        "route": "champion",
        "cache": "hit",
        "status": 200,
        "rows": 1,
    }
    return Prediction(**(values | changes))


def a_release(release_id, version):
    return {
        "id": release_id,
        "kind": "release",
        "state": "succeeded",
        "released_as": version,
        "started": "2026-03-01T12:00:00",
        "finished": "",
    }


def serving(role, version):
    return {
        "role": role,
        "version": version,
        "function": "arn:aws:lambda:eu-central-1:1:function:servery-predictor:3",
        "revision": 2,
        "mode": "load",
    }


def api(answer=lambda request: None):
    """An API that answers what `answer` says: a body, a status, or nothing for 404."""

    def respond(request):
        said = answer(request)
        if said is None or isinstance(said, int):
            return httpx.Response(said or 404, json={"title": "no"})
        return httpx.Response(200, json=said)

    return Api(httpx.Client(base_url="https://api", transport=httpx.MockTransport(respond)))


def shown(show, *arguments, **more):
    text = io.StringIO()
    show(Screen(console=Console(file=text, width=120)), *arguments, **more)
    return text.getvalue()
