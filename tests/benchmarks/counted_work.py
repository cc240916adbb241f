"""What work takes of AWS, counted: calls at botocore's events, states as they are entered.

Batches and jobs run with their real use cases and adapters over moto; the state machine is the
real one. How long functions take is not measured there, where moto is part of it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import boto3
from fakes.batch_works import Works
from fakes.execution import Execution
from fakes.job_plant import JobPlant
from fakes.jobs import a_job
from fakes.template import create_table
from moto import mock_aws
from servery.adapters.dynamodb_batches import DynamoDbBatches
from servery.adapters.dynamodb_jobs import DynamoDbJobs
from servery.adapters.s3_files import S3Files
from servery.domain.batches import Source
from servery.usecases.batch.cutting import Sizes

REGION = "us-east-1"
READS = frozenset({"GetItem", "Query", "BatchGetItem", "Scan"})
S3_READS = frozenset({"GetObject", "HeadObject"})
FREE = frozenset({"DeleteObject", "DeleteObjects"})


@dataclass
class Calls:
    """How often which operation of which service was called, set-up not counted."""

    by_operation: Counter[str] = field(default_factory=Counter)

    def watch(self, client: Any) -> Any:
        """Count the calls of a client from now on."""

        def note(model: Any, **_: Any) -> None:
            self.by_operation[f"{model.service_model.service_name} {model.name}"] += 1

        client.meta.events.register("before-call", note)
        return client

    def of(self, service: str, *, reads: bool | None = None) -> int:
        """Calls of a service; those that read, or those that write, where that is asked."""
        total = 0
        for name, count in self.by_operation.items():
            where, _, operation = name.partition(" ")
            is_read = operation in (READS | S3_READS)
            if where == service and reads in (None, is_read) and operation not in FREE:
                total += count
        return total


@dataclass(frozen=True, slots=True)
class Counted:
    """What one piece of work took.

    Attributes:
        units: Chunks of a batch, or jobs.
        calls: Of AWS.
        transitions: States entered.
        invocations: Of functions, by what they do.
    """

    units: int
    calls: Calls
    transitions: int
    invocations: Counter[str]


class _Files(S3Files):
    """S3 to which a plant can drop files."""

    def __init__(self, client: Any, plain: Any, bucket: str) -> None:
        super().__init__(client, bucket)
        self._plain, self._where = plain, bucket

    def drop(self, key: str, content: bytes, metadata: dict[str, str]) -> Source:
        """Put a file there as a caller does; nothing of it is counted."""
        self._plain.put_object(Bucket=self._where, Key=key, Body=content, Metadata=metadata)
        return S3Files(self._plain, self._where).stat(self._where, key)


class _Works(Works):
    """The batches of the plant, with the results of chunks written as the state machine does."""

    client: Any = None
    counted: Counter[str]

    def _keep(self, given: dict[str, Any]) -> Any:
        self.client.put_item(TableName="jobs", Item=given["Item"])
        return {"SdkHttpMetadata": {"HttpStatusCode": 200}}

    def _invoke(self, given: dict[str, Any]) -> Any:
        self.counted["predict"] += 1
        return super()._invoke(given)


@contextmanager
def cloud(calls: Calls) -> Iterator[tuple[Any, Any, Any]]:
    """Counted clients of DynamoDB and S3 on moto, and one of S3 that is not counted."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    with mock_aws():
        table = boto3.client("dynamodb", region_name=REGION, **keys)
        create_table(table, "JobsTable", "jobs")
        plain = boto3.client("s3", region_name=REGION, **keys)
        plain.create_bucket(Bucket="exchange")
        versioning = {"Status": "Enabled"}
        plain.put_bucket_versioning(Bucket="exchange", VersioningConfiguration=versioning)
        counted = calls.watch(boto3.client("s3", region_name=REGION, **keys))
        yield calls.watch(table), counted, plain


def rows_of_shapes(rows: int) -> bytes:
    """A CSV file for the model `shapes`."""
    lines = (b"%d.5,%c,%d\n" % (n % 7, b"abc"[n % 3], n % 5 - 2) for n in range(rows))
    return b"width,kind,height\n" + b"".join(lines)


def batch(rows: int, sizes: Sizes | None = None) -> Counted:
    """Predict a file of so many rows."""
    calls = Calls()
    with redirect_stdout(StringIO()), cloud(calls) as (table, s3, plain):
        works: Any = _Works(
            store=DynamoDbBatches(table, "jobs"),  # type: ignore[arg-type]
            files=_Files(s3, plain, "exchange"),  # type: ignore[arg-type]
            sizes=sizes or Sizes(),
        )
        works.client, works.counted = table, Counter()
        done = works.submit("rows.csv", rows_of_shapes(rows))
        assert (done.state.value, done.rows_out) == ("succeeded", rows), done
        (execution,) = works.executions
    steps = Counter(plan=1, finish=1, start=1)
    return Counted(len(execution.children), calls, entered(execution), steps + works.counted)


def entered(execution: Execution) -> int:
    """States entered by an execution and by its children."""
    return len(execution.passed) + sum(map(entered, execution.children))


def jobs(count: int, body: str = '{"records": [{"width": 1.5}]}') -> Counted:
    """Accept so many jobs and carry them out, as many in an invocation as the queue gives."""
    calls = Calls()
    with redirect_stdout(StringIO()), cloud(calls) as (table, _, _):
        plant = JobPlant(store=DynamoDbJobs(table, "jobs"))
        plant.accept(*(a_job(f"{number:026x}", body=body) for number in range(count)))
        while plant.queue.messages:
            plant.work()
        assert len(plant.endings) == count, plant.endings
    servers: Any = plant.servers
    steps = Counter(accept=count, work=plant.invocations, predict=len(servers.calls))
    return Counted(count, calls, 0, steps)


def per_unit(small: Counted, large: Counted) -> dict[str, float]:
    """What one more unit takes, out of two runs."""
    units = large.units - small.units

    def more(what: str, reads: bool) -> float:
        return (large.calls.of(what, reads=reads) - small.calls.of(what, reads=reads)) / units

    return {
        "dynamodb reads": more("dynamodb", True),
        "dynamodb writes": more("dynamodb", False),
        "s3 reads": more("s3", True),
        "s3 writes": more("s3", False),
        "transitions": (large.transitions - small.transitions) / units,
        "invocations": (large.invocations.total() - small.invocations.total()) / units,
    }


class _Timed(_Works):
    """In memory, with the processor's time of the functions."""

    seconds: dict[str, float]

    def plan(self, event: dict[str, Any]) -> Any:
        with self._timing("plan"):
            return Works.plan(self, event)

    def _invoke(self, given: dict[str, Any]) -> Any:
        with self._timing("predict"):
            return Works._invoke(self, given)

    def _keep(self, given: dict[str, Any]) -> Any:
        return Works._keep(self, given)

    @contextmanager
    def _timing(self, step: str) -> Iterator[None]:
        started = time.process_time()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.process_time() - started


def batch_seconds(rows: int) -> dict[str, float]:
    """Processor seconds of the functions of a batch that do the work, warm."""
    works: Any = _Timed(sizes=Sizes())
    with redirect_stdout(StringIO()):
        works.seconds = {}
        works.submit("warm.csv", rows_of_shapes(10))
        works.seconds = {}
        works.submit("rows.csv", rows_of_shapes(rows))
    return dict(works.seconds)
