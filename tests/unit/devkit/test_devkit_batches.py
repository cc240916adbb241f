import hashlib
import io
import json

import httpx
import pytest
from devkit import batch_files, batch_views, batches, uploads
from devkit.api import Api
from devkit.errors import DevkitError, UsageError
from devkit.screen import Screen
from rich.console import Console

BATCH = {
    "id": "b1",
    "model": "iris",
    "model_version": "1.0.0-a.s1",
    "state": "succeeded",
    "source": "s3://x/inbox/iris/rows.csv",
    "rows_in": 1200,
    "rows_out": 1199,
    "rows_rejected": 1,
    "outputs": ["s3://x/outbox/iris/b1/part-00000.csv", "s3://x/outbox/iris/b1/part-00001.csv"],
    "rejects": "s3://x/outbox/iris/b1/rejects.csv",
    "manifest": "s3://x/outbox/iris/b1/manifest.json",
    "created": "2026-11-22T04:40:00Z",
    "started": "2026-11-22T04:40:01Z",
    "finished": "2026-11-22T04:40:03Z",
    "reason": "",
    "stale_model": False,
    "chunks": 2,
    "chunks_done": 2,
    "chunks_failed": 0,
    "run": 1,
    "same_as": "",
}


def api(*answers):
    given, seen = list(answers), []

    def respond(request):
        seen.append(request)
        return given.pop(0) if len(given) > 1 else given[0]

    http = httpx.Client(transport=httpx.MockTransport(respond), base_url="http://api/prod")
    return Api(http), seen


class FakeS3:
    """A versioned bucket; `broken` is the number of a part that cannot be uploaded."""

    def __init__(self, broken=None):
        self.objects, self.metadata, self.parts, self.broken = {}, {}, {}, broken
        self.aborted = False

    def put_object(self, **asked):
        self.objects[asked["Key"]], self.metadata[asked["Key"]] = asked["Body"], asked["Metadata"]
        return {"ETag": f'"{len(asked["Body"])}"', "VersionId": "v1"}

    def create_multipart_upload(self, **asked):
        self.metadata[asked["Key"]] = asked["Metadata"]
        return {"UploadId": "u1"}

    def upload_part(self, **asked):
        number = asked["PartNumber"]
        if number == self.broken:
            raise RuntimeError("no network")
        self.parts[number] = asked["Body"]
        return {"ETag": f'"p{number}"'}

    def complete_multipart_upload(self, **asked):
        named = [(p["PartNumber"], p["ETag"]) for p in asked["MultipartUpload"]["Parts"]]
        assert named == [(number, f'"p{number}"') for number in sorted(self.parts)]
        self.objects[asked["Key"]] = b"".join(self.parts[number] for number, _ in named)
        return {"ETag": '"whole-3"', "VersionId": "v2"}

    def abort_multipart_upload(self, **asked):
        self.aborted = asked["UploadId"] == "u1"

    def download_file(self, bucket, key, name):
        with open(name, "wb") as file:  # noqa: PTH123 - as boto3 does
            file.write(self.objects[key])


def upload(store, path, **more):
    return uploads.upload(store, path, "x", "inbox/iris/rows.csv", {"servery-rerun": "all"}, **more)


def test_version_is_known_when_a_small_file_is_uploaded(tmp_path):
    path, store, sent = tmp_path / "rows.csv", FakeS3(), []
    path.write_bytes(b"a,b\n1,2\n")
    source = upload(store, path, sent=sent.append)
    assert (source.version_id, source.etag) == ("v1", "8")
    assert (source.size, sum(sent)) == (8, 8)
    assert store.metadata["inbox/iris/rows.csv"] == {"servery-rerun": "all"}


def test_parts_are_in_order_when_a_large_file_is_uploaded(tmp_path):
    path, store, sent = tmp_path / "rows.csv", FakeS3(), []
    content = bytes(range(256)) * 10
    path.write_bytes(content)
    source = upload(store, path, sent=sent.append, part=999)
    assert store.objects["inbox/iris/rows.csv"] == content
    assert sorted(store.parts) == [1, 2, 3]
    assert (source.version_id, source.etag, sum(sent)) == ("v2", "whole-3", len(content))


def test_nothing_is_left_when_a_part_cannot_be_uploaded(tmp_path):
    path, store = tmp_path / "rows.csv", FakeS3(broken=2)
    path.write_bytes(b"x" * 3000)
    with pytest.raises(RuntimeError, match="no network"):
        upload(store, path, part=1000)
    assert store.aborted
    assert store.objects == {}


@pytest.mark.parametrize(
    "name", ["a.csv", "a.CSV", "a.jsonl", "a.ndjson", "a.parquet", "a.csv.gz", "a.b.jsonl.gz"]
)
def test_file_is_taken_when_its_name_says_the_format(name, tmp_path):
    (tmp_path / name).touch()
    batches.check_name(tmp_path / name)


@pytest.mark.parametrize("name", ["a", "a.txt", "a.gz", "a.parquet.gz", "csv", "a.csv.zip"])
def test_file_is_refused_when_its_name_says_no_format(name, tmp_path):
    (tmp_path / name).touch()
    with pytest.raises(UsageError, match="format"):
        batches.check_name(tmp_path / name)


def test_file_is_refused_when_there_is_none(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        batches.check_name(tmp_path / "a.csv")


def test_only_what_was_said_is_metadata_when_a_file_is_dropped():
    assert batches.metadata() == {"servery-origin": "submit"}
    said = batches.metadata(
        output="jsonl", id_columns=["id", "größe"], max_rejected=0, rerun="none"
    )
    assert json.loads(said["servery-id-columns"]) == ["id", "größe"]
    assert "".join(said.values()).isascii()
    assert said["servery-max-rejected"] == "0"
    assert (said["servery-output"], said["servery-rerun"]) == ("jsonl", "none")


def test_release_is_advised_when_nothing_of_the_model_answers():
    caller, _ = api(httpx.Response(200, json={"model": {"champion": None}}))
    with pytest.raises(DevkitError) as caught:
        batches.check_model(caller, "iris")
    assert caught.value.hint == "Release it: servery release iris"


def test_batch_is_found_when_it_begins_a_little_later():
    missing = httpx.Response(404, json={"detail": "no such batch"})
    caller, seen = api(missing, missing, httpx.Response(200, json=BATCH))
    assert batches.appeared(caller, "b1", sleep=lambda _: None)["id"] == "b1"
    assert len(seen) == 3


def test_logs_are_advised_when_no_batch_begins():
    times = iter(range(0, 1000, 40))
    caller, _ = api(httpx.Response(404, json={"detail": "no such batch"}))
    with pytest.raises(DevkitError, match="has not begun") as caught:
        batches.appeared(caller, "b1", sleep=lambda _: None, clock=lambda: next(times))
    assert "BatchStartFunction" in caught.value.hint


def test_pages_are_put_together_when_a_list_is_long():
    caller, seen = api(
        httpx.Response(200, json={"batches": [BATCH, BATCH], "next": "2026 b1"}),
        httpx.Response(200, json={"batches": [BATCH, BATCH], "next": "2026 b0"}),
    )
    assert len(caller.listed("/batches", "batches", 3, model="iris", state=None)) == 3
    assert dict(seen[0].url.params) == {"model": "iris", "limit": "3"}
    assert dict(seen[1].url.params) == {"model": "iris", "limit": "1", "before": "2026 b1"}


@pytest.mark.parametrize("width", [80, 120])
def test_lines_say_it_all_when_a_batch_is_shown(width):
    console = Console(file=io.StringIO(), width=width)
    batch_views.show(Screen(console=console), {**BATCH, "stale_model": True, "run": 2})
    text = console.file.getvalue()
    assert "1.0.0-a.s1 (stale)" in text
    assert "succeeded, run 2" in text
    assert "1,200 read, 1,199 predicted, 1 rejected" in text
    assert "2 parts, from s3://x/outbox/iris/b1/part-00000.csv" in text


def stored():
    store = FakeS3()
    parts = [("part-00000.csv", b"id\n1\n"), ("part-00001.csv", b"id\n2\n")]
    manifest = {
        "parts": [
            {"uri": f"s3://x/outbox/iris/b1/{name}", "sha256": hashlib.sha256(body).hexdigest()}
            for name, body in parts
        ]
    }
    for name, body in [*parts, ("rejects.csv", b""), ("manifest.json", json.dumps(manifest))]:
        store.objects[f"outbox/iris/b1/{name}"] = body.encode() if isinstance(body, str) else body
    return store


def test_all_files_are_there_when_a_batch_is_fetched(tmp_path):
    names = []
    paths = batch_files.fetch(stored(), batch_files.of(BATCH), tmp_path / "out", got=names.append)
    assert names == ["part-00000.csv", "part-00001.csv", "rejects.csv", "manifest.json"]
    assert [path.name for path in paths] == names
    assert (tmp_path / "out" / "part-00001.csv").read_bytes() == b"id\n2\n"


def test_part_is_refused_when_it_is_not_what_the_manifest_says(tmp_path):
    store = stored()
    store.objects["outbox/iris/b1/part-00001.csv"] = b"id\n3\n"
    with pytest.raises(DevkitError, match=r"part-00001\.csv is not what the manifest says"):
        batch_files.fetch(store, batch_files.of(BATCH), tmp_path)


@pytest.mark.parametrize(
    ("state", "same_as", "advice"),
    [
        ("running", "", "batch watch b1"),
        ("failed", "", "batch show b1"),
        ("skipped", "b0", "batch fetch b0"),
    ],
)
def test_advice_fits_when_there_is_nothing_to_fetch(state, same_as, advice):
    empty = {"outputs": [], "rejects": "", "manifest": ""}
    with pytest.raises(DevkitError) as caught:
        batch_files.of({**BATCH, **empty, "state": state, "same_as": same_as})
    assert advice in caught.value.hint


def test_list_fits_when_a_terminal_has_80_columns():
    batch = {**BATCH, "id": "0" * 24, "model": "breast-cancer", "rows_in": 1_250_000}
    console = Console(file=io.StringIO(), width=80)
    console.print(batch_views.batches_table([batch]))
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 2
    assert "1,250,000  11-22 04:40:00" in lines[1]


def test_no_rows_are_told_when_a_batch_was_never_planned():
    console = Console(file=io.StringIO(), width=80)
    batch_views.show(
        Screen(console=console), {**BATCH, "state": "failed", "started": "", "reason": "R"}
    )
    assert "Rows" not in console.file.getvalue()
    assert "Reason    R" in console.file.getvalue()
