"""What the public routes say to callers, good and bad."""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import ROOT, Stack, wait_until
from test_lifecycle import rows_of

PROBLEM = "application/problem+json"
pytestmark = pytest.mark.usefixtures("warm_iris")


@pytest.fixture(scope="module")
def record(iris: dict[str, Any]) -> dict[str, Any]:
    """One good row of iris."""
    return rows_of("iris", 1)[0][0]


def test_the_server_describes_itself_when_asked(stack: Stack, iris: dict[str, Any]) -> None:
    server = stack.http.get("/v2").json()
    assert server["name"] == "servery"
    model = stack.http.get("/v2/models/iris").json()
    assert model["name"] == "iris"
    assert iris["released_as"] in model["versions"]
    assert {i["datatype"] for i in model["inputs"]} <= {"FP32", "FP64"}
    exact = stack.http.get(f"/v2/models/iris/versions/{iris['released_as']}")
    assert exact.status_code == 200
    for route in ("/v2/health/live", "/v2/health/ready", "/v2/models/iris/ready"):
        assert stack.http.get(route).status_code == 200, route


def test_a_key_is_asked_for_everywhere_but_on_open_routes(stack: Stack, iris: dict) -> None:
    with httpx.Client(base_url=stack.status["api_url"], timeout=30) as anonymous:
        for route in ("/v2/health/live", "/v2/health/ready", "/openapi.json"):
            assert anonymous.get(route).status_code == 200, route
        for route in ("/v2", "/v2/models/iris", "/models", "/models/iris/deployment"):
            assert anonymous.get(route).status_code == 403, route
        assert anonymous.post("/v2/models/iris/infer", json={}).status_code == 403
        assert anonymous.post("/models/iris/rollback").status_code == 403


def test_the_published_description_is_the_committed_one(stack: Stack) -> None:
    committed = json.loads((ROOT / "infra" / "openapi.json").read_text())
    assert stack.http.get("/openapi.json").json() == committed


BAD_ROWS: list[tuple[str, dict[str, Any], str]] = [
    ("unknown", {"colour": 1.0}, "colour"),
    ("wrong type", {"petal_width": "wide"}, "petal_width"),
    ("bool", {"petal_width": True}, "petal_width"),
    ("null", {"petal_width": None}, "petal_width"),
    ("out of range", {"petal_width": 1e9}, "petal_width"),
    ("overflow", {"petal_width": 1e308}, "petal_width"),
]


@pytest.mark.parametrize(("name", "change", "field"), BAD_ROWS, ids=[r[0] for r in BAD_ROWS])
def test_the_field_is_named_when_a_row_is_bad(
    stack: Stack, record: dict[str, Any], name: str, change: dict[str, Any], field: str
) -> None:
    answer = stack.infer("iris", {"records": [record, {**record, **change}]})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith(PROBLEM)
    named = [e["field"] for e in answer.json()["errors"]]
    assert any(field in n and "1" in n for n in named), named
    assert str(change[field]) not in answer.text or name in {"bool", "null"}


def test_the_missing_field_is_named_when_one_is_missing(stack: Stack, record: dict) -> None:
    lacking = {k: v for k, v in record.items() if k != "petal_width"}
    answer = stack.infer("iris", {"records": [lacking]})
    assert answer.status_code == 422
    assert "petal_width" in answer.text


BAD_BODIES: list[tuple[str, bytes, dict[str, str], int]] = [
    ("empty", b"", {}, 400),
    ("no JSON", b"{records:", {}, 400),
    ("NaN", b'{"records": [{"sepal_length": NaN}]}', {}, 422),
    ("an array", b"[]", {}, 422),
    ("no rows", b'{"records": []}', {}, 422),
    ("neither form", b"{}", {}, 422),
    ("deep", b'{"records":' + b"[" * 5000 + b"]" * 5000 + b"}", {}, 422),
    ("text", b"hello", {"content-type": "text/plain"}, 415),
    ("bytes", b"\xff\xfe{}", {}, 400),
]


@pytest.mark.parametrize(
    ("name", "body", "headers", "status"), BAD_BODIES, ids=[b[0] for b in BAD_BODIES]
)
def test_it_is_the_callers_error_when_a_body_is_bad(
    stack: Stack, iris: dict, name: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = stack.http.post(
        "/v2/models/iris/infer",
        content=body,
        headers={"content-type": "application/json", **headers},
    )
    assert answer.status_code == status, f"{name}: {answer.status_code} {answer.text}"
    assert answer.headers["content-type"].startswith(PROBLEM)
    assert answer.json()["status"] == status


@pytest.mark.needs("encoded_bodies")
def test_it_is_the_callers_error_when_a_body_is_compressed(stack: Stack, iris: dict) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    body = gzip.compress(b"{}")
    answer = stack.http.post("/v2/models/iris/infer", content=body, headers=headers)
    assert answer.status_code == 415, answer.text
    assert answer.headers["content-type"].startswith(PROBLEM)


def test_unknown_things_are_404_when_asked_for(stack: Stack, iris: dict) -> None:
    for route in ("/v2/models/nobody", "/v2/models/iris/versions/9.9.9-a.b", "/models/nobody"):
        answer = stack.http.get(route)
        assert answer.status_code == 404, route
        assert answer.headers["content-type"].startswith(PROBLEM)
    assert stack.infer("nobody", {"records": [{}]}).status_code == 404
    wrong = stack.infer("iris", {"records": [{}]}, version="9.9.9-a.b")
    assert wrong.status_code == 404
    assert iris["released_as"] in wrong.json()["detail"]


def test_the_caller_is_told_when_there_are_too_many_rows(stack: Stack, record: dict) -> None:
    answer = stack.infer("iris", {"records": [record] * 10_001})
    assert answer.status_code == 413, answer.text


def test_the_callers_request_id_comes_back_when_it_is_sane(stack: Stack, record: dict) -> None:
    good = stack.infer("iris", {"records": [record]}, headers={"x-request-id": "order-17"})
    assert good.headers["x-request-id"] == "order-17"
    odd = stack.infer("iris", {"records": [record]}, headers={"x-request-id": "a b<script>"})
    assert odd.status_code == 200
    assert odd.headers["x-request-id"] != "a b<script>"


def test_only_listed_origins_are_answered_when_a_browser_asks_first(stack: Stack) -> None:
    page = urlsplit(stack.status["web_url"])
    origin = f"{page.scheme}://{page.netloc}"
    asked = {"access-control-request-method": "POST", "origin": origin}
    allowed = stack.http.options("/v2/models/iris/infer", headers=asked)
    assert allowed.status_code in {200, 204}
    assert allowed.headers["access-control-allow-origin"] == origin
    assert "origin" in allowed.headers["vary"].lower()
    asked["origin"] = "https://elsewhere.example"
    refused = stack.http.options("/v2/models/iris/infer", headers=asked)
    assert "access-control-allow-origin" not in refused.headers


def lake_lines(stack: Stack, prefix: str = "predictions/") -> dict[str, dict[str, Any]]:
    """What is in the lake below a prefix, the prediction log, by the id of the request."""
    bucket = next(b for k, b in stack.status["buckets"].items() if "ake" in k)
    s3 = stack.client("s3")
    found: dict[str, Any] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for key in (item["Key"] for item in page.get("Contents", [])):
            if key.rpartition("/")[2].startswith("_"):
                continue  # says how objects become larger ones
            try:
                body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
            except s3.exceptions.NoSuchKey:
                continue  # its lines are in a larger object by now
            for line in (gzip.decompress(body) if key.endswith(".gz") else body).splitlines():
                entry = json.loads(line)
                found[entry["request_id"]] = entry
    return found


def test_a_request_is_in_the_lake_when_it_was_answered(stack: Stack, record: dict) -> None:
    good, bad = "lake-good-1", "lake-bad-1"
    answered = stack.infer("iris", {"records": [record]}, headers={"x-request-id": good})
    stack.infer("iris", {"records": [{}]}, headers={"x-request-id": bad})

    def lines() -> dict[str, Any] | None:
        found = lake_lines(stack)
        return found if {good, bad} <= set(found) else None

    entries = wait_until(lines, seconds=60, what="both requests are in the lake")
    assert entries[good]["input"] == {"records": [record]}
    assert entries[good]["output"] == answered.json()
    assert entries[good]["model_version"] == answered.json()["model_version"]
    assert entries[bad]["status"] == 422
    assert entries[bad]["latency_ms"] >= 0


@pytest.mark.needs("firehose_dynamic_partitioning")
def test_each_model_has_its_prefix_when_requests_are_in_the_lake(
    stack: Stack, record: dict
) -> None:
    request = "lake-prefix-1"
    stack.infer("iris", {"records": [record]}, headers={"x-request-id": request})
    wait_until(
        lambda: request in lake_lines(stack, "predictions/model=iris/day="),
        seconds=60,
        what="the request is below the prefix of its model",
    )
