"""Asynchronous jobs while workers are killed and messages come twice: is each answered once?

What is real: submitting, the worker with its edge, telling, the sweep and driving again, the
callers, the model server's code with a small ONNX model, and in the second row the DynamoDB
adapter, against moto. What is simulated: the clock, so that leases and pauses take no time, and
SQS. A worker is killed in the middle of a call that it makes, before or after its effect. A
duplicate is handed to another worker while the first one waits for the model server, or comes
later. Seeded, so it can be run again.

    python -m benchmarks.jobs_chaos [--jobs 10000] [--emulated 1000] [--seed 1]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import msgspec
from fakes.clock import EPOCH
from fakes.job_plant import Context, JobPlant
from fakes.jobs import Life
from fakes.records import a_deployment, a_server
from fakes.sqs_queue import Message, event_of
from fakes.template import create_table
from fakes.tiny_models import MemoryArtifacts, add_model
from moto import mock_aws
from servery.adapters.dynamodb_jobs import DynamoDbJobs
from servery.adapters.model_loader import ModelLoader
from servery.adapters.runtimes import load_runtime
from servery.domain.deployment import Served, Server
from servery.domain.jobs import MAX_TRIES, CallbackState, Job, JobState
from servery.domain.manifest import ModelRef, Runtime
from servery.domain.serving import Limits
from servery.edge.inference import Codec
from servery.edge.predictor import ModelServer
from servery.ports import JobStore
from servery.usecases.jobs.redriving import RedrivePorts, RedriveRequest, redrive_jobs
from servery.usecases.jobs.submit import Submission, SubmitPorts, submit
from servery.usecases.predictor import Pin, Shelf

MODEL = "shapes"
SHARE = 0.05  # of invocations that are killed, and of messages that come twice
CALLED_BACK = 0.1  # of jobs that have a callback
MOST_MESSAGES = 100  # in one event; how many there are is drawn, as arrivals would have it
URL = "https://example.com/hook"


class RealServers:
    """The model server's own code, in this process, and somebody else's worker meanwhile.

    Args:
        ref: The model that it serves.
        shelf: Where it has it from.
        life: Of the worker that asks.
    """

    def __init__(self, ref: ModelRef, shelf: Shelf, life: Life) -> None:
        self.ref = ref
        self.jobs = 0
        self._server = ModelServer(lambda: shelf)
        self._life = life
        self.meanwhile = lambda: None

    def call(self, server: Server, payload: bytes, *, timeout: float) -> bytes:
        self.meanwhile()
        return self._life.act("call", lambda: self._answer(payload))

    def _answer(self, payload: bytes) -> bytes:
        event = msgspec.json.decode(payload)
        self.jobs += len(event.get("items", [None]))
        return msgspec.json.encode(self.ask(event))

    def ask(self, event: dict[str, Any]) -> dict[str, Any]:
        """What the server says to an event, with nobody dying of it."""
        return self._server.handle(event)


class MortalStore:
    """A store in whose calls a worker may die.

    Args:
        store: The real one.
        life: Of the worker.
    """

    def __init__(self, store: JobStore, life: Life) -> None:
        self._store = store
        self._life = life

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, job: Job) -> None:
        self._life.act("put", lambda: self._store.put(job))


@dataclass
class Figures:
    """What one run came to."""

    store: str
    jobs: int
    invocations: int
    killed: int
    duplicates: int
    overlapping: int
    asked: int
    failed: int
    lost: int
    twice: int
    wrong: int
    untold: int
    stuck: int
    told_again: int
    simulated_s: float
    wall_s: float


class Chaos:
    """One run.

    Args:
        count: How many jobs.
        seed: Of what goes wrong.
        store: Where jobs are kept; in memory where none is given.
    """

    def __init__(self, count: int, seed: int, store: JobStore | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - not for secrets
        self._count = count
        self._life = Life()
        artifacts = MemoryArtifacts()
        ref = add_model(artifacts, model=MODEL)
        mortal = MortalStore(store, self._life) if store else None
        self.plant = JobPlant(life=self._life, store=mortal, models=())
        self._release(ref)
        loader = ModelLoader(artifacts, load_runtime, Codec)
        shelf = Shelf(loader.load, Pin(MODEL, Runtime.ONNX), self.plant.clock)
        self.servers = RealServers(ref, shelf, self._life)
        self.servers.meanwhile = self._somebody_else
        self.plant.servers = self.servers
        self.plant.worker._ports = self.plant.ports
        self._late: list[Message] = []
        self._records = [
            {"width": round(w, 3), "kind": "abc"[n % 3], "height": round(h, 3)}
            for n, (w, h) in enumerate(
                (self._random.gauss(0, 1), self._random.gauss(0, 1)) for _ in range(200)
            )
        ]
        self._asked_for: dict[str, int] = {}
        self._known: dict[int, tuple[str, dict[str, float]]] = {}
        self.killed = self.duplicates = self.overlapping = 0
        self.kill = True
        self._owed = 0

    def run(self, name: str) -> Figures:
        """Submit, work until all is over, and count."""
        started = time.perf_counter()
        self._submit()
        self._finish()
        simulated = self.plant.now - EPOCH.timestamp()
        wall = time.perf_counter() - started
        return self._count_up(name, simulated, wall)

    def redrive(self) -> Counter[JobState]:
        """Give what failed for good its tries again, in peace; how the jobs stand then."""
        self.kill = False
        ports = RedrivePorts(
            store=self.plant.store,
            queue=self.plant.queue,
            dead=self.plant.dead,
            clock=self.plant.clock,
            retention_days=7,
        )
        redrive_jobs(RedriveRequest(limit=1000), ports, seconds=lambda: 60.0)
        self._finish()
        jobs = self.plant.store.get_many(list(self._asked_for)).values()
        return Counter(job.state for job in jobs)

    def _release(self, ref: ModelRef) -> None:
        served = Served(ref=ref, server=a_server())
        limits = Limits(max_body_kb=50)
        self.plant.registry.put_deployment(
            a_deployment(model=MODEL, champion=served, limits=limits)
        )

    def _submit(self) -> None:
        numbers = iter(range(self._count))
        plant = self.plant
        ports = SubmitPorts(
            deployments=plant.deployments,
            store=plant.store,
            documents=plant.documents,
            queue=plant.queue,
            caller=plant.caller,
            clock=plant.clock,
            entropy=lambda: f"{next(numbers):014x}",
            retention_days=7,
        )
        for number in range(self._count):
            body = msgspec.json.encode({"records": [self._records[number % len(self._records)]]})
            called = URL if self._random.random() < CALLED_BACK else None
            taken = submit(
                Submission(model=MODEL, body=body, callback_url=called, request_id=f"r{number}"),
                ports,
            )
            self._asked_for[taken.job.id] = number

    def _finish(self) -> None:
        plant = self.plant
        receive, work = plant.queue.receive, plant.work

        def received(most: int = MOST_MESSAGES) -> list[Message]:
            return self._repeated(receive(self._random.randint(1, most)))

        def worked(messages: Sequence[Message] | None = None) -> Any:
            messages = plant.queue.receive() if messages is None else messages
            return self._perhaps_killed(lambda: work(messages), len(messages))

        plant.queue.receive = received  # type: ignore[method-assign]
        plant.work = worked  # type: ignore[method-assign]
        try:
            plant.finish(self._is_over)
        finally:
            plant.queue.receive = receive  # type: ignore[method-assign]
            plant.work = work  # type: ignore[method-assign]

    def _is_over(self) -> bool:
        plant = self.plant
        if plant.queue.messages or plant.callbacks.messages:
            return False
        return not plant.store.due(float(2**40), limit=1)

    def _repeated(self, messages: list[Message]) -> list[Message]:
        """The messages, and a few of them once more: at the same time, or in a while."""
        for message in list(messages):
            if self._random.random() >= SHARE or not self.kill:
                continue
            self.duplicates += 1
            if self._random.random() < 0.5:
                self._late.append(Message(message.id, message.body, 0.0, message.receives))
            else:
                delay = self._random.uniform(0, 60)
                self.plant.queue._add(message.body, delay)
        return messages

    def _perhaps_killed(self, act: Any, size: int) -> Any:
        life = self._life
        life.moments.clear()
        self._owed += self._random.random() < SHARE
        dies = self.kill and self._owed
        life.ends_at = self._random.randint(1, 6 * size + 6) if dies else 0
        before = self.plant.deaths
        try:
            return act()
        finally:
            self.killed += self.plant.deaths - before
            self._owed -= self.plant.deaths - before  # one that was too quick leaves it to others
            life.ends_at = 0

    def _somebody_else(self) -> None:
        """Another worker gets the duplicates while the first one waits for its answer."""
        late, self._late = self._late, []
        if not late:
            return
        self.overlapping += len(late)
        life = self._life
        ends_at, moments = life.ends_at, list(life.moments)
        life.ends_at = 0
        self.plant.invocations += 1
        context = Context(f"invocation-{self.plant.invocations}")
        self.plant.worker.serve(event_of(late), context)
        life.ends_at = ends_at
        life.moments[:] = moments

    def _count_up(self, name: str, simulated: float, wall: float) -> Figures:
        plant = self.plant
        jobs = plant.store.get_many(list(self._asked_for))
        events = Counter(plant.events.ids)
        called = Counter(call.job_id for call in plant.caller.calls)
        untold = [
            job
            for job in jobs.values()
            if not events[job.id]
            or (job.callback_url and not called[job.id])
            or job.callback is CallbackState.PENDING
        ]
        return Figures(
            store=name,
            jobs=self._count,
            invocations=plant.invocations,
            killed=self.killed,
            duplicates=self.duplicates,
            overlapping=self.overlapping,
            asked=self.servers.jobs,
            failed=sum(job.state is JobState.FAILED for job in jobs.values()),
            lost=self._count - len(jobs),
            twice=sum(count > 1 for count in Counter(plant.endings).values()),
            wrong=sum(not self._is_right(job) for job in jobs.values()),
            untold=len(untold),
            stuck=sum(not job.state.final or job.due is not None for job in jobs.values()),
            told_again=sum(count - 1 for count in events.values()),
            simulated_s=simulated,
            wall_s=wall,
        )

    def _is_right(self, job: Job) -> bool:
        """Whether the recorded answer is what the model says to this request alone.

        A model that is given many rows at once may differ in the last bit of a float32.
        """
        if job.state is not JobState.DONE:
            return job.state is JobState.FAILED
        kind, shares = _prediction(job.result)
        wanted, wanted_shares = self._direct(self._asked_for[job.id] % len(self._records))
        return kind == wanted and all(
            math.isclose(shares[name], share, rel_tol=1e-4, abs_tol=1e-6)
            for name, share in wanted_shares.items()
        )

    def _direct(self, record: int) -> tuple[str, dict[str, float]]:
        if record not in self._known:
            body = msgspec.json.encode({"records": [self._records[record]]}).decode()
            event = {"verb": "infer", "ref": msgspec.to_builtins(self.servers.ref), "body": body}
            self._known[record] = _prediction(self.servers.ask(event)["body"])
        return self._known[record]


def _prediction(answer: str) -> tuple[str, dict[str, float]]:
    prediction = msgspec.json.decode(answer)["predictions"][0]
    return prediction["class"], prediction["probabilities"]


@contextlib.contextmanager
def emulated_store() -> Iterator[JobStore]:
    """The DynamoDB adapter on moto, the table as the template has it."""
    with mock_aws():
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        client = boto3.client("dynamodb", region_name="eu-central-1", **keys)
        create_table(client, "JobsTable", "jobs")
        yield DynamoDbJobs(client, "jobs")


def show(runs: Sequence[Figures]) -> None:
    """Print the table."""
    rows = [
        ("jobs", "jobs"),
        ("worker invocations", "invocations"),
        ("of them killed", "killed"),
        ("messages delivered twice", "duplicates"),
        ("of them at the same time", "overlapping"),
        ("given to the model server", "asked"),
        ("lost", "lost"),
        ("answered twice", "twice"),
        ("answered wrongly", "wrong"),
        ("nobody told", "untold"),
        ("stuck", "stuck"),
        (f"failed: {MAX_TRIES} workers died on it", "failed"),
        ("events more than one", "told_again"),
        ("simulated time, s", "simulated_s"),
        ("wall time, s", "wall_s"),
    ]
    _say(f"{'':34}" + "".join(f"{run.store:>20}" for run in runs))
    for title, name in rows:
        values = [getattr(run, name) for run in runs]
        cells = "".join(f"{v:>20.1f}" if isinstance(v, float) else f"{v:>20,}" for v in values)
        _say(f"{title:34}{cells}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Run both, print the table and how the failed ones ended."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--emulated", type=int, default=1_000, help="jobs against moto; 0 for none")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    runs: list[Figures] = []
    redriven: list[str] = []
    with contextlib.ExitStack() as stack:
        plan: list[tuple[str, int, JobStore | None]] = [("in memory", options.jobs, None)]
        if options.emulated:
            plan.append(
                ("DynamoDB on moto", options.emulated, stack.enter_context(emulated_store()))
            )
        for name, count, store in plan:
            chaos = Chaos(count, options.seed, store)
            with contextlib.redirect_stdout(io.StringIO()):  # a line of metrics each invocation
                runs.append(chaos.run(name))
                ends = chaos.redrive()
            redriven.append(f"{name}: {', '.join(f'{n:,} {state}' for state, n in ends.items())}")
    _say(f"Jobs, {SHARE:.0%} of worker invocations killed, {SHARE:.0%} of messages twice")
    show(runs)
    _say("after driving the failed ones again: " + "; ".join(redriven))


if __name__ == "__main__":
    main()
