"""Calls back whoever asked to be told that a job is over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from servery.domain.job_changes import called_back
from servery.domain.jobs import MAX_CALLBACK_TRIES, CallbackState, Job, seen
from servery.errors import ConflictError, InvalidInputError, NotFoundError, RetryableError
from servery.usecases.jobs.documents import result_of
from servery.usecases.jobs.views import job_view

if TYPE_CHECKING:
    from servery.ports import Caller, Clock, Documents, JobStore

MOST_RESULT_BYTES = 200_000
"""A result that is larger is left out, and fetched with `GET /jobs/{id}`."""
AT_ONCE = 10
SECONDS = 15.0  # for all calls of an invocation, which are made at the same time
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 900.0
UNKNOWN_SECONDS = 60.0

_OK, _REDIRECT, _SERVER_ERROR = 200, 300, 500
_LATER = frozenset({408, 425, 429})
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPorts:
    """What calling back works with."""

    store: JobStore
    documents: Documents
    caller: Caller
    clock: Clock


@dataclass(frozen=True, slots=True)
class CalledBack:
    """What became of callbacks.

    Attributes:
        back: Seconds after which the message of a job has to come back.
        outcomes: Each job that was called for, and how far telling it is.
        errors: Id of a job and what went wrong on our side with it.
    """

    back: dict[str, float] = field(default_factory=dict)
    outcomes: list[Job] = field(default_factory=list)
    errors: list[tuple[str, Exception]] = field(default_factory=list)


def call_back(job_ids: Collection[str], ports: CallPorts) -> CalledBack:
    """Call back for jobs that are over and were not told of yet, all at the same time.

    A caller may be told more than once: when a worker dies between the call and its record.

    Raises:
        RetryableError: the store does not answer; nobody was called.
    """
    called = CalledBack()
    now = ports.clock.now()
    known = ports.store.get_many(job_ids)
    waiting = [
        job for job in known.values() if job.state.final and job.callback is CallbackState.PENDING
    ]
    bodies: list[tuple[Job, bytes]] = []
    for job in waiting:
        try:
            bodies.append((job, _body(job, now, ports.documents)))
        except Exception as error:
            called.errors.append((job.id, error))
            called.back[job.id] = UNKNOWN_SECONDS
    for job, call in _calls(bodies, ports.caller):
        _record(job, call, ports.store, called)
    return called


def _body(job: Job, now: datetime, documents: Documents) -> bytes:
    shown = seen(job, now=now.timestamp())
    result = result_of(shown, documents)
    left_out = len(result.encode()) > MOST_RESULT_BYTES
    return msgspec.json.encode(job_view(shown, None if left_out else result))


def _calls(bodies: Sequence[tuple[Job, bytes]], caller: Caller) -> list[tuple[Job, Future[int]]]:
    """Make the calls; one that takes longer than all may is left behind, as not answered."""
    if not bodies:
        return []
    pool = ThreadPoolExecutor(AT_ONCE, "call-back")
    calls = [
        (job, pool.submit(caller.call, job.callback_url, body, job_id=job.id))
        for job, body in bodies
    ]
    wait([call for _, call in calls], timeout=SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    return calls


def _record(job: Job, call: Future[int], store: JobStore, called: CalledBack) -> None:
    try:
        outcome = _outcome(job, call)
        written = _write(job, outcome, store)
    except Exception as error:
        called.errors.append((job.id, error))
        called.back[job.id] = UNKNOWN_SECONDS
        return
    if written is not None:
        called.outcomes.append(written)
        if outcome is CallbackState.PENDING:
            pause = FIRST_PAUSE_SECONDS * 2**job.callback_tries
            called.back[job.id] = min(LONGEST_PAUSE_SECONDS, pause)


def _outcome(job: Job, call: Future[int]) -> CallbackState:
    """What a call came to.

    Raises:
        FaultError: it could not even be made, which is nothing that the caller did.
    """
    last = job.callback_tries + 1 >= MAX_CALLBACK_TRIES
    later = CallbackState.FAILED if last else CallbackState.PENDING
    if not call.done() or call.cancelled():
        return later
    try:
        status = call.result()
    except InvalidInputError:
        return CallbackState.FAILED
    except RetryableError:
        return later
    if _OK <= status < _REDIRECT:
        return CallbackState.DELIVERED
    if status >= _SERVER_ERROR or status in _LATER:
        return later
    return CallbackState.FAILED


def _write(job: Job, outcome: CallbackState, store: JobStore) -> Job | None:
    """Record an outcome; None where the job is no longer the one that was told of."""
    finished = job.finished
    for _ in range(_ATTEMPTS):
        told = called_back(job, outcome)
        try:
            store.put(told)
        except ConflictError:
            try:
                job = store.get(job.id)
            except NotFoundError:
                return None
            if job.callback is not CallbackState.PENDING or job.finished != finished:
                return None
            continue
        return told
    raise ConflictError("the job is being changed by others")
