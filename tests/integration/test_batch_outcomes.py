"""Each outcome of a batch, with all of its real steps and a real small model."""

from __future__ import annotations

import csv
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes.batch_plant import BUCKET
from fakes.batch_works import VERSION, Works
from fakes.execution import StateError
from servery.domain.batches import BatchState
from servery.usecases.batch.cutting import Sizes
from servery.usecases.batch.reading import read_batch
from servery.usecases.batch.rerun import RerunRequest, rerun

HEADER = "name,width,kind,height"


@pytest.fixture
def works():
    return Works()


def rows_of(count=40):
    return [
        {
            "name": f'no. {n}, "bed"\nnorth' if n % 3 else f"plain {n}",
            "width": (n * 37 % 50) / 10 - 2,
            "kind": "abc"[n % 3],
            "height": (n * 53 % 70) / 10 - 3,
        }
        for n in range(count)
    ]


def as_csv(rows):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, HEADER.split(","), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_jsonl(rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def as_parquet(rows):
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, row_group_size=9)
    return out.getvalue()


FORMS = {
    "csv": as_csv,
    "jsonl": as_jsonl,
    "parquet": as_parquet,
    "csv.gz": lambda rows: gzip.compress(as_csv(rows)),
    "jsonl.gz": lambda rows: gzip.compress(as_jsonl(rows)),
}
IDS = {"id_columns": '["name"]'}


def outputs(works, batch):
    view = read_batch(batch.id, store=works.store, bucket=BUCKET)
    found = []
    for uri in view.outputs:
        content = works.files.load(uri.removeprefix(f"s3://{BUCKET}/"))
        if uri.endswith(".parquet"):
            found += pq.read_table(io.BytesIO(content)).to_pylist()
        elif uri.endswith(".jsonl"):
            for line in content.splitlines():
                row = json.loads(line)
                shares = row.pop("probabilities")
                found.append(row | {f"probability_{label}": p for label, p in shares.items()})
        else:
            found += csv.DictReader(io.StringIO(content.decode(), newline=""))
    return found


def direct(works, rows):
    """What a request for the same rows is answered."""
    ref = works.registry.deployment("shapes").champion.ref
    records = [{k: v for k, v in row.items() if k != "name"} for row in rows]
    event = {
        "verb": "infer",
        "ref": {f: getattr(ref, f) for f in ref.__struct_fields__},
        "body": json.dumps({"records": records}),
    }
    return json.loads(works.server.handle(event)["body"])["predictions"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("output", ["same", "csv", "jsonl", "parquet"])
def test_outputs_are_those_of_direct_requests_when_a_file_is_predicted(works, form, output):
    rows = rows_of()
    batch = works.submit(f"rows.{form}", FORMS[form](rows), output=output, **IDS)

    assert batch.state is BatchState.SUCCEEDED, batch.reason
    assert (batch.rows_in, batch.rows_out, batch.rows_rejected) == (40, 40, 0)
    assert batch.chunks > 1
    found = outputs(works, batch)
    assert [row["name"] for row in found] == [row["name"] for row in rows]
    for row, said in zip(found, direct(works, rows), strict=True):
        assert row["prediction"] == said["class"]
        for label, share in said["probabilities"].items():
            assert float(row[f"probability_{label}"]) == pytest.approx(share, abs=1e-7)
    assert works.files.writes[-1] == f"outbox/shapes/{batch.id}/_SUCCESS"
    assert batch.ref.version == VERSION


BAD = "r1,0.5,a,1\nr2,wide,a,1\nr3,0.5,a\nr4,1.5,b,2\n"


@pytest.mark.parametrize(
    ("name", "content", "state", "told"),
    [
        ("empty.csv", b"", BatchState.FAILED, "the file is empty"),
        ("empty.jsonl", b"", BatchState.FAILED, "the file is empty"),
        ("head.csv", f"{HEADER}\n".encode(), BatchState.SUCCEEDED, ""),
        ("head.csv.gz", gzip.compress(f"{HEADER}\n".encode(), mtime=0), BatchState.SUCCEEDED, ""),
        ("wrong.csv", b"name,width,kind\nr1,1,a\n", BatchState.FAILED, "height"),
        ("twice.csv", b"name,width,width,kind,height\n", BatchState.FAILED, "width"),
        ("unknown.csv", b"name,width,kind,height,colour\nr1,1,a,1,red\n", BatchState.FAILED,
         "colour"),
        ("foreign.csv", f"{HEADER}\nr1,1,a,1\n".encode("utf-16"), BatchState.FAILED, "UTF-16"),
        ("rows.xlsx", b"PK", BatchState.FAILED, "does not say its format"),
        ("rows.parquet", b"name,width\n", BatchState.FAILED, "Parquet"),
        ("marked.csv", b"\xef\xbb\xbf" + f"{HEADER}\nr1,1,a,1\n".encode(), BatchState.SUCCEEDED,
         ""),
    ],
)  # fmt: skip
def test_odd_file_has_its_outcome_when_it_is_dropped(works, name, content, state, told):
    batch = works.submit(name, content, **IDS)

    assert (batch.state, told in batch.reason) == (state, True), batch.reason
    assert [b.id for b in works.events.published] == [batch.id]
    if state is BatchState.FAILED:
        assert works.asked == []
        assert not works.files.exists(f"outbox/shapes/{batch.id}/_SUCCESS")
    if name.startswith("head"):
        (uri,) = read_batch(batch.id, store=works.store, bucket=BUCKET).outputs
        lines = works.files.load(uri.removeprefix(f"s3://{BUCKET}/")).splitlines()
        assert len(lines) == 1
        assert batch.rows_in == 0


def test_a_huge_line_fails_the_batch_when_it_is_longer_than_the_bound(works):
    works.sizes = Sizes(target=200, window=64, doubtful=500, longest=2000)
    content = as_csv(rows_of(30)) + b"1" * 5000 + b",a\n" + as_csv(rows_of(30))[len(HEADER) + 1 :]
    batch = works.submit("huge.csv", content, **IDS)

    assert batch.state is BatchState.FAILED
    assert "line" in batch.reason


def test_rows_are_rejected_and_the_others_predicted_when_they_are_bad(works):
    rows = as_csv(rows_of(30))
    content = rows + b"x,wide,a,1\n" + b"y,\xff\xfe,a,1\n" + b"z,1,a,1\n"
    batch = works.submit("bad.csv", content, max_rejected="0.5", **IDS)

    assert batch.state is BatchState.SUCCEEDED, batch.reason
    assert (batch.rows_in, batch.rows_out, batch.rows_rejected) == (33, 31, 2)
    rejects = works.files.load(f"outbox/shapes/{batch.id}/rejects.csv").decode()
    line = rows.count(b"\n") + 1
    assert [(row["line"], row["reason"]) for row in csv.DictReader(io.StringIO(rejects))] == [
        (str(line), "wrong_type"),
        (str(line + 1), "not_utf8"),
    ]


def test_the_batch_has_failed_when_more_rows_are_bad_than_allowed(works):
    batch = works.submit("bad.csv", f"{HEADER}\n{BAD}".encode(), max_rejected="0.4", **IDS)
    assert batch.reason == "2 of 4 rows were rejected, more than the 40 % that are allowed"


def test_the_batch_is_of_the_version_it_began_with_when_the_file_is_replaced(works):
    source = works.drop(as_csv(rows_of(20)), name="a.csv", model="shapes", **IDS)
    batch = works.store.get(works.start(source).batch)
    works.drop(as_csv(rows_of(3)), name="a.csv", model="shapes", **IDS)
    works.run(batch)

    assert works.store.get(batch.id).rows_out == 20


def test_the_batch_says_so_when_the_file_is_replaced_and_the_bucket_keeps_no_versions(works):
    works.files.versioned = False
    source = works.drop(as_csv(rows_of(20)), name="a.csv", model="shapes", **IDS)
    batch = works.store.get(works.start(source).batch)
    works.drop(as_csv(rows_of(3)), name="a.csv", model="shapes", **IDS)
    works.run(batch)

    failed = works.store.get(batch.id)
    assert (failed.state, "no longer" in failed.reason) == (BatchState.FAILED, True)


def test_the_batch_says_so_when_the_file_is_replaced_between_its_chunks(works):
    works.files.versioned = False
    source = works.drop(as_csv(rows_of(20)), name="a.csv", model="shapes", **IDS)
    batch = works.store.get(works.start(source).batch)
    invoke = works._invoke

    def replacing(given):
        if given["Payload"]["chunk"]["name"] == "00001":
            works.drop(as_csv(rows_of(3)), name="a.csv", model="shapes", **IDS)
        return invoke(given)

    works._invoke = replacing
    works.run(batch)

    failed = works.store.get(batch.id)
    assert failed.state is BatchState.FAILED
    assert "no longer" in failed.reason
    assert works.asked.count("00001") == 1


def test_batch_has_failed_when_nothing_of_the_model_is_released(works):
    works.registry.put_model(works.registry.model("iris").__class__(
        name="tulip", owner="o", task="t", description="", spec={}, updated="2026"))  # fmt: skip
    source = works.drop(as_csv(rows_of(2)), name="a.csv", model="tulip")
    batch = works.store.get(works.start(source).batch)
    works.run(batch)

    failed = works.store.get(batch.id)
    assert (failed.state, "released" in failed.reason) == (BatchState.FAILED, True)


def crash():
    return StateError("Runtime.ExitError", "{}")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_only_failed_chunks_run_again_when_the_batch_is_run_again(works, form):
    rows = rows_of()
    works.crashes["00001"] = [crash() for _ in range(5)]
    batch = works.submit(f"rows.{form}", FORMS[form](rows), **IDS)
    assert batch.reason.startswith(f"1 of {batch.chunks} chunks failed")
    works.asked.clear()
    rerun(batch.id, RerunRequest(), store=works.store, queue=works.queue)
    works.run(batch)

    done = works.store.get(batch.id)
    assert (done.state, done.run, works.asked) == (BatchState.SUCCEEDED, 2, ["00001"])
    assert [row["name"] for row in outputs(works, done)] == [row["name"] for row in rows]


def test_all_is_planned_anew_when_all_is_to_run_again(works):
    rows = rows_of()
    batch = works.submit("rows.csv", as_csv(rows), **IDS)
    works.sizes = Sizes(target=400, window=64)
    rerun(batch.id, RerunRequest(policy="all"), store=works.store, queue=works.queue)
    seen = []
    invoke = works._invoke

    def watched(given):
        seen.append(works.files.exists(f"outbox/shapes/{batch.id}/_SUCCESS"))
        return invoke(given)

    works._invoke = watched
    works.run(batch)

    done = works.store.get(batch.id)
    assert (done.state, done.run, done.rows_out) == (BatchState.SUCCEEDED, 2, 40)
    assert done.chunks < batch.chunks
    assert not any(seen)
    names = {key.rsplit("/", 1)[-1] for key in works.files.keys(f"outbox/shapes/{batch.id}/")}
    assert names == {"_SUCCESS", "manifest.json"} | {
        f"part-{number:05d}.csv" for number in range(done.chunks)
    }


def test_the_file_is_read_whole_when_quotes_led_the_windows_astray(works):
    works.sizes = Sizes(target=200, window=64, doubtful=64)
    likeness = "y,1,a,1\n" * 50  # within quotes, and longer than any look
    rows = "".join(f'"{n}\n{likeness}",1,b,{n % 9}\n' for n in range(5))
    batch = works.submit("tricky.csv", f"{HEADER}\n{rows}".encode(), **IDS)

    assert batch.state is BatchState.SUCCEEDED, batch.reason
    assert works.executions[0].passed.count("Plan") == 2
    assert (batch.rows_in, batch.rows_out) == (5, 5)
    assert [row["name"] for row in outputs(works, batch)] == [f"{n}\n{likeness}" for n in range(5)]


def test_the_same_bytes_are_written_when_every_chunk_crashes_once(works):
    content = as_csv(rows_of())
    first = works.submit("a.csv", content, **IDS)
    parts = [works.files.load(k) for k in works.files.keys(f"outbox/shapes/{first.id}/part-")]
    works.crashes = {f"{n:05d}": [crash()] for n in range(first.chunks)}
    second = works.submit("b.csv", content, rerun="all", **IDS)

    again = [works.files.load(k) for k in works.files.keys(f"outbox/shapes/{second.id}/part-")]
    assert again == parts
