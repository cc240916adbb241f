import csv
import io
import json

import httpx
import pytest
from devkit import demo_later
from devkit.api import Api
from devkit.errors import DevkitError
from devkit.screen import Screen
from rich.console import Console

ROWS = [{"a": 1.5, "b": 2}, {"a": 2.5, "b": 3}]
JOB = {"id": "j1", "model": "iris", "state": "queued", "reason": ""}
BATCH = {
    "id": "b1",
    "model": "iris",
    "state": "succeeded",
    "rows_in": 2,
    "rows_out": 2,
    "rows_rejected": 0,
    "chunks": 1,
    "chunks_done": 1,
    "chunks_failed": 0,
    "started": "2026-11-22T04:40:00Z",
    "finished": "2026-11-22T04:40:01Z",
    "reason": "",
    "same_as": "",
    "outputs": ["s3://x/outbox/iris/b1/part-00000.csv"],
}


class FakeStack:
    """The exchange bucket of a stack."""

    def __init__(self):
        self.outputs, self.dropped = {"ExchangeBucketName": "x"}, {}
        self.target = self

    def client(self, service):
        assert service == "s3"
        return self

    def put_object(self, **asked):
        self.dropped[asked["Key"]] = (asked["Body"], asked["Metadata"])
        return {"ETag": '"e"', "VersionId": "v1"}

    def get_object(self, **asked):
        assert (asked["Bucket"], asked["Key"]) == ("x", "outbox/iris/b1/part-00000.csv")
        lines = [b"flower,prediction", b"001,setosa", b"002,setosa", b"003,virginica"]

        class Body:
            def iter_lines(self):
                return iter(lines)

        return {"Body": Body()}


def run(job):
    def respond(request):
        if request.method == "POST":
            return httpx.Response(202, json=JOB)
        return httpx.Response(200, json=job if "/jobs/" in request.url.path else BATCH)

    http = httpx.Client(transport=httpx.MockTransport(respond), base_url="http://api")
    stack, console = FakeStack(), Console(file=io.StringIO(), width=120)
    later = demo_later.run(stack, Api(http), Screen(console=console), "iris", ROWS)
    return later, stack, console.file.getvalue()


def test_job_and_batch_are_shown_when_both_work():
    later, stack, text = run({**JOB, "state": "done", "result": {"predictions": []}})
    content, metadata = stack.dropped["inbox/iris/iris.csv"]
    assert list(csv.reader(io.StringIO(content.decode()))) == [
        ["flower", "a", "b"],
        ["001", "1.5", "2"],
        ["002", "2.5", "3"],
    ]
    assert json.loads(metadata["servery-id-columns"]) == ["flower"]
    assert "GET /jobs/j1" in text
    assert "002,setosa" in text
    assert "003,virginica" not in text
    assert [line[:2] for line in demo_later.lines(later)] == [
        ["Job iris", "done"],
        ["Batch iris", "2 rows, 0 rejected"],
    ]


def test_demonstration_fails_when_its_job_does():
    with pytest.raises(DevkitError, match="The job is failed: no server"):
        run({**JOB, "state": "failed", "reason": "no server"})
