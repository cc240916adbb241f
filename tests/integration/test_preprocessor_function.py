"""The real handlers of both halves, each in a process of its own, as Lambda starts them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fakes.aws_stub import AwsStub, Invoked
from fakes.entity_server import entity_table, items_of
from fakes.pair_models import ROWS
from fakes.pair_servers import FUNCTION, PairServers
from fakes.s3_server import ACCESS_KEY, REGION, SECRET_KEY, TOKEN, objects, serving
from fakes.tiny_models import add_model
from servery.domain.manifest import ModelRef

ROOT = Path(__file__).parents[2]
BEFORE = """
import json, sys
sys.path.insert(0, "functions/" + sys.argv[1])
module = __import__(sys.argv[2])
early = sorted(sys.modules)
answers = [module.handler(event, None) for event in json.load(sys.stdin)]
print("\\n" + json.dumps({"answers": answers, "early": early, "modules": sorted(sys.modules)}))
"""
BODY = json.dumps({"records": ROWS})


def run(
    room: str, verb: str, events: list[dict[str, Any]], environment: dict[str, str]
) -> dict[str, Any]:
    """Answers of a fresh process, and the modules that it had imported before and after."""
    done = subprocess.run(
        [sys.executable, "-c", BEFORE, room, verb],
        input=json.dumps(events),
        env={"PATH": "", "PYTHONPATH": str(ROOT / "layers/core"), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def event(verb: str, ref: ModelRef, **more: Any) -> dict[str, Any]:
    return {"verb": verb, "ref": msgspec.to_builtins(ref), "request_id": "r", **more}


def environment(model: str, **more: str) -> dict[str, str]:
    return {
        "SERVERY_MODE": "load",
        "SERVERY_MODEL": model,
        "SERVERY_RUNTIME": "onnx",
        "ARTIFACTS_BUCKET": "artifacts",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": TOKEN,
        **more,
    }


@pytest.fixture
def stub() -> Iterator[AwsStub]:
    stub = AwsStub()
    yield stub
    stub.close()


def stored(pair: PairServers) -> Any:
    files = pair.artifacts.files
    return serving(objects({f"artifacts/{name}": content for name, content in files.items()}))


def said(body: str) -> Any:
    rows = json.loads(body, parse_float=str)["predictions"]
    return [(row["class"], row["probabilities"]) for row in rows]


def test_predictor_is_asked_without_an_sdk_when_a_pair_is_in_a_line(stub: AwsStub) -> None:
    pair = PairServers()
    asked = []

    def invoke(function: str, told: dict[str, Any]) -> Invoked:
        asked.append(function)
        if len(asked) == 3:
            return Invoked(seconds=1.0)
        return Invoked(json.dumps(pair.predictor.handle(told)).encode())

    stub.invoke = invoke
    then = {"function": FUNCTION, "ref": msgspec.to_builtins(pair.after)}
    in_line = event("hand_on", pair.before, body=BODY, then=then, seconds=5)
    with stored(pair) as (address, _):
        result = run(
            "preprocessor",
            "prepare",
            [
                event("ready", pair.before),
                event("infer", pair.before, body=BODY),
                in_line,
                in_line,
                {**in_line, "seconds": 0.4},
                event("infer_many", pair.before, items=[{"request_id": "r", "body": BODY}]),
            ],
            environment(
                "shapes-features",
                AWS_ENDPOINT_URL_S3=address,
                AWS_ENDPOINT_URL_LAMBDA=stub.url,
            ),
        )
    ready, made, first, again, slow, many = result["answers"]
    assert ready["ready"] is True
    body = {"records": [row["features"] for row in json.loads(made["body"])["predictions"]]}
    proxy = pair.ask("infer", pair.after, body, pair=pair.after.pair)
    assert asked == [FUNCTION] * 3
    assert said(first["body"]) == said(again["body"]) == said(proxy["body"])
    assert (first["status"], first["hop"], first["pair"]) == (200, "", pair.before.pair)
    assert (slow["status"], slow["hop"]) == (504, "predictor")
    assert many["status"] == 422
    assert not {"boto3", "botocore.session", "botocore.client", "sklearn"} & set(result["modules"])
    assert (
        "servery.adapters.kept_connections" in result["early"]
    )  # imported while Lambda gives more of the processor


def test_data_are_looked_up_without_an_sdk_when_a_graph_leaves_it_to_the_server() -> None:
    pair = PairServers()
    ref = add_model(pair.artifacts, "3.0.0-1.1")
    table = {
        "entity#customer#c-1": {
            "pk": {"S": "entity#customer#c-1"},
            "doc": {"S": json.dumps({"kind": "a", "height": -1})},
        }
    }
    columns = [{"name": "kind", "dtype": "string"}, {"name": "height", "dtype": "float"}]
    lookup = {"entity": "customer", "columns": columns, "keys": ["c-1"]}
    partial = json.dumps({"records": [{"width": 0.5}]})
    whole = json.dumps({"records": [{"width": 0.5, "kind": "a", "height": -1}]})
    with stored(pair) as (s3, _), entity_table(items_of(table)) as (dynamodb, asked):
        result = run(
            "predictor",
            "predict",
            [
                event("infer", ref, body=whole),
                event("infer", ref, body=partial, lookup=lookup),
                event("infer", ref, body=partial, lookup={**lookup, "keys": ["c-2"]}),
            ],
            environment(
                "shapes",
                AWS_ENDPOINT_URL_S3=s3,
                AWS_ENDPOINT_URL_DYNAMODB=dynamodb,
                FEATURES_TABLE="features",
            ),
        )
    direct, looked_up, absent = result["answers"]
    assert json.loads(looked_up["body"]) == json.loads(direct["body"])
    assert absent["status"] == 422
    assert len(asked) == 2
    assert not {"boto3", "botocore", "urllib3"} & set(result["modules"])


def test_nothing_of_pairs_and_lookups_is_imported_when_only_requests_are_answered() -> None:
    pair = PairServers()
    ref = add_model(pair.artifacts, "3.0.0-1.1")
    with stored(pair) as (s3, _):
        result = run(
            "predictor",
            "predict",
            [event("infer", ref, body=json.dumps({"records": ROWS[:1]}))],
            environment("shapes", AWS_ENDPOINT_URL_S3=s3),
        )
    assert result["answers"][0]["status"] == 200
    later = {
        "servery.adapters.lean_entities",
        "servery.adapters.lean_lambda",
        "servery.edge.predictor.hand_on",
        "servery.usecases.predictor.looking_up",
        "servery.usecases.preprocessor",
    }
    assert not later & set(result["modules"])


def test_unpublished_function_answers_nobody_when_it_has_no_settings() -> None:
    ref = PairServers().before
    result = run("preprocessor", "prepare", [event("infer", ref, body="{}")], {})
    assert [answer["status"] for answer in result["answers"]] == [500]
    assert "servery.adapters.kept_connections" not in result["early"]
