"""Files of rows: dropped, cut into chunks, predicted, and proven whole."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Stack, wait_until
from test_lifecycle import rows_of

FINAL = {"succeeded", "failed", "skipped"}
IDS = {"servery-id-columns": '["flower"]'}


def bucket_of(stack: Stack) -> str:
    return str(stack.status["outputs"]["ExchangeBucketName"])


def drop(stack: Stack, model: str, name: str, content: bytes, **metadata: str) -> str:
    """Put a file into the inbox; its address."""
    key = f"inbox/{model}/{name}"
    stack.client("s3").put_object(
        Bucket=bucket_of(stack),
        Key=key,
        Body=content,
        Metadata={k.replace("_", "-"): v for k, v in metadata.items()},
    )
    return f"s3://{bucket_of(stack)}/{key}"


def batches_of(stack: Stack, source: str, **query: str) -> list[dict[str, Any]]:
    """The batches over a file, newest first."""
    model = source.split("/")[4]
    page = stack.http.get("/batches", params={"model": model, "limit": "100", **query})
    return [b for b in page.raise_for_status().json()["batches"] if b["source"] == source]


def ended(stack: Stack, source: str, *, seconds: float = 120) -> dict[str, Any]:
    """The newest batch over a file, once it is over, whole."""

    def over() -> dict[str, Any] | None:
        found = batches_of(stack, source)
        if not found:
            return None
        whole = stack.http.get(f"/batches/{found[0]['id']}").raise_for_status().json()
        return dict(whole) if whole["state"] in FINAL else None

    return dict(wait_until(over, seconds=seconds, what=f"the batch over {source} ends"))


def read(stack: Stack, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bytes(stack.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def table_of(content: bytes, name: str) -> list[dict[str, Any]]:
    """The rows of a part, in the one form that all formats have in common."""
    if name.endswith(".parquet"):
        return list(pq.read_table(io.BytesIO(content)).to_pylist())
    if name.endswith(".jsonl"):
        rows = [json.loads(line) for line in content.splitlines()]
        for row in rows:
            for label, share in row.pop("probabilities").items():
                row[f"probability_{label}"] = share
        return rows
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def outputs(stack: Stack, batch: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for uri in batch["outputs"] for row in table_of(read(stack, uri), uri)]


def iris_rows(count: int = 150) -> list[dict[str, Any]]:
    """Iris with an id column whose values want quoting."""
    records = rows_of("iris", 150)[0]
    return [{"flower": f'no. {i}, "bed"\nnorth', **records[i % len(records)]} for i in range(count)]


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_jsonl(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, row_group_size=40)
    return out.getvalue()


FORMS = {
    "csv": as_csv,
    "csv.gz": lambda rows: gzip.compress(as_csv(rows)),
    "jsonl": as_jsonl,
    "jsonl.gz": lambda rows: gzip.compress(as_jsonl(rows)),
    "parquet": as_parquet,
}


def direct(stack: Stack, model: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    records = [{k: v for k, v in row.items() if k != "flower"} for row in rows]
    answer = stack.infer(model, {"records": records})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["predictions"])


def check(rows: list[dict[str, Any]], found: list[dict[str, Any]], said: list[dict]) -> None:
    """Outputs are the inputs' ids in their order, with exactly what the API says of each row."""
    assert [row["flower"] for row in found] == [row["flower"] for row in rows]
    for row, answer in zip(found, said, strict=True):
        assert row["prediction"] == answer["class"]
        for label, share in answer["probabilities"].items():
            assert float(row[f"probability_{label}"]) == pytest.approx(share, abs=1e-7)


@pytest.mark.parametrize("form", FORMS)
def test_outputs_are_those_of_direct_requests_when_a_file_is_dropped(
    stack: Stack, iris: dict, form: str
) -> None:
    rows = iris_rows()
    source = drop(stack, "iris", f"{uuid.uuid4().hex}.{form}", FORMS[form](rows), **IDS)
    batch = ended(stack, source)

    assert batch["state"] == "succeeded", batch["reason"]
    assert (batch["rows_in"], batch["rows_out"], batch["rows_rejected"]) == (150, 150, 0)
    assert batch["model_version"] == iris["released_as"]
    assert (batch["model"], batch["source"], batch["rejects"]) == ("iris", source, "")
    assert batch["started"] <= batch["finished"]
    kind = form.removesuffix(".gz")
    assert all(uri.endswith(f".{kind}") for uri in batch["outputs"])
    assert batch["outputs"][0].endswith(f"outbox/iris/{batch['id']}/part-00000.{kind}")
    check(rows, outputs(stack, batch), direct(stack, "iris", rows))
    manifest = json.loads(read(stack, batch["manifest"]))
    assert sum(part["rows"] for part in manifest["parts"]) == 150
    read(stack, f"s3://{bucket_of(stack)}/outbox/iris/{batch['id']}/_SUCCESS")


def test_output_has_another_format_when_the_submitter_says_so(stack: Stack, iris: dict) -> None:
    rows = iris_rows()
    source = drop(
        stack, "iris", f"{uuid.uuid4().hex}.csv", as_csv(rows), **IDS, servery_output="parquet"
    )
    batch = ended(stack, source)

    assert batch["state"] == "succeeded", batch["reason"]
    assert all(uri.endswith(".parquet") for uri in batch["outputs"])
    check(rows, outputs(stack, batch), direct(stack, "iris", rows))


def test_value_of_a_regression_is_the_prediction_when_a_file_is_dropped(
    stack: Stack, diabetes: dict
) -> None:
    rows = rows_of("diabetes", 100)[0]
    batch = ended(stack, drop(stack, "diabetes", f"{uuid.uuid4().hex}.csv", as_csv(rows)))

    assert batch["state"] == "succeeded", batch["reason"]
    said = stack.infer("diabetes", {"records": rows}).json()["predictions"]
    found = [float(row["prediction"]) for row in outputs(stack, batch)]
    assert found == pytest.approx([row["value"] for row in said], rel=1e-6)


@pytest.mark.slow
def test_parts_are_in_order_when_a_file_is_cut_between_quoted_line_breaks(
    stack: Stack, iris: dict
) -> None:
    rows = iris_rows(400_000)
    source = drop(stack, "iris", f"{uuid.uuid4().hex}.csv", as_csv(rows), **IDS)
    batch = ended(stack, source, seconds=180)

    assert batch["state"] == "succeeded", batch["reason"]
    assert batch["chunks"] == batch["chunks_done"] == len(batch["outputs"]) > 1
    found = outputs(stack, batch)
    check(rows, found, (direct(stack, "iris", rows[:150]) * (len(rows) // 150 + 1))[: len(rows)])


def test_bad_rows_are_rejected_with_line_column_and_reason_when_a_file_has_some(
    stack: Stack, iris: dict
) -> None:
    lines = as_csv(rows_of("iris", 30)[0]).split(b"\r\n")
    lines[3] = b"5.1,3.5,wide,0.2"
    lines[7] = b"5.1,3.5,1.4"
    lines[9] = b"5.1,3.5,1.4,99"
    lines[12] = b"5.1,\xff\xfe,1.4,0.2"
    source = drop(stack, "iris", f"{uuid.uuid4().hex}.csv", b"\r\n".join(lines),
                  servery_max_rejected="0.2")  # fmt: skip
    batch = ended(stack, source)

    assert batch["state"] == "succeeded", batch["reason"]
    assert (batch["rows_in"], batch["rows_out"], batch["rows_rejected"]) == (30, 26, 4)
    rejected = list(csv.DictReader(io.StringIO(read(stack, batch["rejects"]).decode())))
    assert [(r["line"], r["column"]) for r in rejected] == [
        ("4", "petal_length"),
        ("8", ""),
        ("10", "petal_width"),
        ("13", ""),
    ]
    assert [r["reason"] for r in rejected] == [
        "wrong_type",
        "too_few_fields",
        "out_of_range",
        "not_utf8",
    ]

    strict = drop(stack, "iris", f"{uuid.uuid4().hex}.csv", b"\r\n".join(lines) + b"\r\n")
    refused = ended(stack, strict)
    assert refused["state"] == "failed"
    assert "4 of 30" in refused["reason"]
    assert refused["outputs"] == []


HEADER = b"sepal_length,sepal_width,petal_length,petal_width\n"
ODD = {
    "empty": (b"", "failed", "empty"),
    "header alone": (HEADER, "succeeded", ""),
    "header missing a column": (b"sepal_length,sepal_width\n1,2\n", "failed", "petal_length"),
    "unknown column": (HEADER[:-1] + b",colour\n1,1,1,1,red\n", "failed", "colour"),
    "foreign encoding": (HEADER.decode().encode("utf-16"), "failed", "UTF-16"),
    "huge line": (HEADER + b"1," * 9_000_000 + b"1\n", "failed", "line"),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_file_has_its_outcome_when_it_is_dropped(stack: Stack, iris: dict, case: str) -> None:
    content, state, reason = ODD[case]
    batch = ended(stack, drop(stack, "iris", f"{uuid.uuid4().hex}.csv", content))

    assert (batch["state"], reason in batch["reason"]) == (state, True), batch
    if state == "succeeded":
        assert (batch["rows_in"], len(batch["outputs"])) == (0, 1)
        assert read(stack, batch["outputs"][0]).splitlines() == [
            b"prediction,probability_setosa,probability_versicolor,probability_virginica"
        ]


def test_batch_is_of_the_file_it_began_with_when_the_file_is_replaced(
    stack: Stack, iris: dict
) -> None:
    name = f"{uuid.uuid4().hex}.csv"
    first, second = iris_rows(120), iris_rows(60)
    drop(stack, "iris", name, as_csv(first), **IDS)
    source = drop(stack, "iris", name, as_csv(second), **IDS)

    def both() -> list[dict[str, Any]] | None:
        found = batches_of(stack, source)
        done = [b for b in found if b["state"] in FINAL]
        return done if len(done) == 2 else None

    found = wait_until(both, seconds=120, what="both batches end")
    assert sorted((b["state"], b["rows_out"]) for b in found) == [
        ("succeeded", 60),
        ("succeeded", 120),
    ]


def test_same_content_is_predicted_once_unless_all_is_asked_for(stack: Stack, iris: dict) -> None:
    name, content = f"{uuid.uuid4().hex}.csv", as_csv(iris_rows(10 + os.getpid() % 50))
    first = ended(stack, drop(stack, "iris", name, content, **IDS))
    assert first["state"] == "succeeded", first["reason"]

    again = ended_after(stack, first, name, content, **IDS)
    assert (again["state"], again["same_as"]) == ("skipped", first["id"])

    whole = ended_after(stack, again, name, content, **IDS, servery_rerun="all")
    assert (whole["state"], whole["rows_out"]) == ("succeeded", first["rows_out"])
    assert read(stack, whole["outputs"][0]) == read(stack, first["outputs"][0])


def ended_after(
    stack: Stack, before: dict[str, Any], name: str, content: bytes, **metadata: str
) -> dict[str, Any]:
    """Drop a file again and wait for the end of the batch that is newer than `before`."""
    source = drop(stack, before["model"], name, content, **metadata)

    def over() -> dict[str, Any] | None:
        newest = batches_of(stack, source)[0]
        if newest["id"] == before["id"] or newest["state"] not in FINAL:
            return None
        return dict(stack.http.get(f"/batches/{newest['id']}").json())

    return dict(wait_until(over, seconds=120, what="the newer batch ends"))


@pytest.mark.slow
@pytest.mark.needs("local_processes")
def test_chunk_is_predicted_when_its_server_crashed_twice(stack: Stack) -> None:
    model = f"crash-{uuid.uuid4().hex[:6]}"
    spec = stack.spec("iris", name=model)
    spec["estimator"] = {
        "class": "sklearn.ensemble.RandomForestClassifier",
        "params": {"n_estimators": 500, "min_samples_leaf": 1, "random_state": 0},
    }
    spec["gates"] = {"minimum": 0.5}
    assert stack.train(spec)["outcome"] == "registered"
    assert stack.release(model, mode="load")["state"] == "succeeded"
    for idle in stack.servers_of(model):
        os.kill(idle, signal.SIGKILL)
    rows = iris_rows(120_000)
    source = drop(stack, model, "slow.csv", as_csv(rows), **IDS)

    killed: set[int] = set()
    while len(killed) < 3:  # one may have been between two chunks

        def running() -> int | None:
            found = batches_of(stack, source)
            if not found or found[0]["state"] != "running":
                return None
            return next(iter(set(stack.servers_of(model)) - killed), None)

        victim = wait_until(running, seconds=60, what="a server works on the chunk")
        os.kill(victim, signal.SIGKILL)
        killed.add(victim)
    batch = ended(stack, source, seconds=180)

    assert batch["state"] == "succeeded", batch["reason"]
    assert (batch["rows_in"], batch["rows_out"]) == (len(rows), len(rows))
    manifest = json.loads(read(stack, batch["manifest"]))
    assert sum(part["retries"] for part in manifest["parts"]) >= 2
    said = direct(stack, model, rows[:150])
    check(rows, outputs(stack, batch), (said * (len(rows) // 150 + 1))[: len(rows)])


@pytest.mark.slow
@pytest.mark.needs("local_processes")
def test_chunks_that_failed_run_again_when_the_batch_is_run_again(stack: Stack) -> None:
    model = f"rerun-{uuid.uuid4().hex[:6]}"
    assert stack.train(stack.spec("iris", name=model))["outcome"] == "registered"
    assert stack.release(model, mode="load")["state"] == "succeeded"
    rows = iris_rows()
    with stack.unloadable(model):
        source = drop(stack, model, "rows.csv", as_csv(rows), **IDS)
        failed = ended(stack, source, seconds=240)
    assert failed["state"] == "failed"
    assert "1 of 1" in failed["reason"], failed["reason"]

    accepted = stack.http.post(f"/batches/{failed['id']}/rerun", json={"policy": "failed"})
    assert accepted.status_code == 202, accepted.text
    again = ended(stack, source)

    assert (again["id"], again["run"]) == (failed["id"], 2)
    assert again["state"] == "succeeded", again["reason"]
    check(rows, outputs(stack, again), direct(stack, model, rows))


@pytest.mark.slow
def test_files_of_the_range_are_predicted_once_when_the_schedule_looks(stack: Stack) -> None:
    model = f"daily-{uuid.uuid4().hex[:6]}"
    place = f"inbox/_{model}"  # no model can have that name, so nothing here is a drop
    spec = stack.spec("iris", name=model)
    source = f"s3://{bucket_of(stack)}/{place}/day={{day}}/"
    spec["batch"] = {"id_columns": ["flower"], "schedule": {"every_hours": 1, "source": source}}
    assert stack.train(spec)["outcome"] == "registered"
    assert stack.release(model)["state"] == "succeeded"
    rows, s3 = iris_rows(), stack.client("s3")
    today = datetime.now(UTC)
    for back in (1, 40):
        day = f"{today - timedelta(days=back):%Y-%m-%d}"
        key = f"{place}/day={day}/rows.csv"
        s3.put_object(Bucket=bucket_of(stack), Key=key, Body=as_csv(rows))

    def made() -> list[dict[str, Any]]:
        page = stack.http.get("/batches", params={"model": model}).raise_for_status().json()
        return list(page["batches"])

    def look() -> None:
        name = stack.status["functions"]["BatchStartDueFunction"]
        answer = stack.client("lambda").invoke(FunctionName=name, Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()

    look()
    found = wait_until(
        lambda: [b for b in made() if b["state"] in FINAL], seconds=60, what="the batch ends"
    )
    look()

    batch = stack.http.get(f"/batches/{found[0]['id']}").json()
    assert (batch["state"], batch["origin"]) == ("succeeded", "schedule"), batch["reason"]
    assert len(made()) == 1
    check(rows, outputs(stack, batch), direct(stack, model, rows))


@pytest.mark.slow
def test_an_event_tells_the_end_when_a_batch_is_over(stack: Stack, iris: dict, events: Any) -> None:
    source = drop(stack, "iris", f"{uuid.uuid4().hex}.csv", as_csv(iris_rows(20)), **IDS)
    batch = ended(stack, source)

    told = wait_until(lambda: events(batch["id"]), seconds=60, what="the event is out")
    assert told[0]["detail-type"] == "Batch finished"
    assert told[0]["detail"]["state"] == "succeeded"


def test_file_is_predicted_and_fetched_when_the_command_line_submits_it(
    stack: Stack, iris: dict, tmp_path: Path
) -> None:
    rows = iris_rows(75)
    file = tmp_path / f"{uuid.uuid4().hex}.csv"
    file.write_bytes(as_csv(rows))
    batch = stack.json(
        "batch", "submit", str(file), "--model", "iris", "--id-column", "flower", "--watch"
    )
    assert batch["state"] == "succeeded", batch
    assert batch["rows_out"] == 75
    assert stack.json("batch", "show", batch["id"])["id"] == batch["id"]

    stack.run("batch", "fetch", batch["id"], "--to", str(tmp_path / "out"))
    part = next((tmp_path / "out").rglob("part-00000.csv"))
    check(rows, table_of(part.read_bytes(), part.name), direct(stack, "iris", rows))
