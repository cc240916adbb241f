"""Hands invocations to a function's process and takes its answers, whatever lies between."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from localstack_process import faults
from localstack_process.faults import Fault, InitError

if TYPE_CHECKING:
    from collections.abc import Callable

RESPONSE_LIMIT = 6_291_556
"""Bytes in a synchronous answer that Lambda passes on."""


@dataclass(frozen=True)
class Invocation:
    """One event on its way to the function.

    Attributes:
        request_id: Lambda's id of the invocation.
        arn: The ARN that was invoked, with its qualifier.
        trace_id: X-Ray's tracing header.
        payload: The event, JSON.
        deadline_ms: Unix time in milliseconds when the function's time is over.
    """

    request_id: str
    arn: str
    trace_id: str
    payload: bytes
    deadline_ms: int


@dataclass(frozen=True)
class Reply:
    """What came back: the function's answer, or the fault in its place."""

    payload: bytes
    fault: Fault | None = None


class NotTakenError(Exception):
    """The process ended before it took the invocation, which can be given to another one."""

    def __init__(self, fault: Fault) -> None:
        """Take what is to be said if there is no other one."""
        super().__init__(fault.kind)
        self.fault = fault


@dataclass
class _Pending:
    invocation: Invocation
    answer: Future[Reply]
    taken: bool = False


class Handover:
    """Lies between an environment, with one invocation at a time, and a process that asks for them.

    Attributes:
        ready: Done when the process asks for its first invocation; fails with `InitError`.
    """

    def __init__(self, *, response_limit: int = RESPONSE_LIMIT) -> None:
        self.ready: Future[None] = Future()
        self._response_limit = response_limit
        self._waiting: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._current: _Pending | None = None
        self._ended: Callable[[str], Fault] | None = None
        self._closed = threading.Event()

    def send(self, invocation: Invocation) -> Future[Reply]:
        """Hand an invocation to the process; one at a time.

        The future fails with `NotTakenError` if the process was initialised and has ended
        without asking for it.
        """
        pending = _Pending(invocation, Future())
        with self._lock:
            self._current = pending
            ended = self._ended
        if ended:  # between the caller's look at the process and now
            self.end(ended)
        else:
            self._waiting.put(pending)
        return pending.answer

    def end(self, fault_of: Callable[[str], Fault]) -> None:
        """Tell whoever waits that the process is gone; `fault_of` gets the request id."""
        with self._lock:
            self._ended = fault_of
        self._fail_initialisation(fault_of(""))
        pending = self._release()
        if pending is None:
            return
        fault = fault_of(pending.invocation.request_id)
        if pending.taken or self.ready.exception():
            _settle(pending.answer, Reply(fault.document, fault))
        else:
            with suppress(InvalidStateError):
                pending.answer.set_exception(NotTakenError(fault))

    def hang_up(self) -> None:
        """Let a process that waits for an invocation know that there will be none."""
        self._closed.set()
        self._waiting.put(None)

    def next_invocation(self) -> Invocation | None:
        """Wait for an invocation; None when there will be none. Called by the connection."""
        with suppress(InvalidStateError):
            self.ready.set_result(None)
        pending = None if self._closed.is_set() else self._waiting.get()
        if pending is None:
            return None
        pending.taken = True
        return pending.invocation

    def post(self, action: str, body: bytes, error_type: str | None) -> HTTPStatus:
        """Take what the process posts under `/runtime/`. Called by the connection."""
        if action == "init/error":
            fault = faults.reported(body, error_type)
            if not self._fail_initialisation(fault):
                return HTTPStatus.FORBIDDEN
            if pending := self._release():
                _settle(pending.answer, Reply(fault.document, fault))
            return HTTPStatus.ACCEPTED
        match action.split("/"):
            case ["invocation", request_id, "response"] if len(body) > self._response_limit:
                fault = faults.response_too_large(self._response_limit)
                accepted = self._answer(request_id, Reply(fault.document, fault))
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if accepted else HTTPStatus.BAD_REQUEST
            case ["invocation", request_id, "response"]:
                accepted = self._answer(request_id, Reply(body))
            case ["invocation", request_id, "error"]:
                accepted = self._answer(request_id, Reply(body, faults.reported(body, error_type)))
            case _:
                return HTTPStatus.NOT_FOUND
        return HTTPStatus.ACCEPTED if accepted else HTTPStatus.BAD_REQUEST

    def _fail_initialisation(self, fault: Fault) -> bool:
        """Tell who waits for readiness; False if that was reached, or has failed, already."""
        try:
            self.ready.set_exception(InitError(fault))
        except InvalidStateError:
            return False
        return True

    def _answer(self, request_id: str, reply: Reply) -> bool:
        pending = self._release(request_id)
        if pending is None:
            return False
        _settle(pending.answer, reply)
        return True

    def _release(self, request_id: str | None = None) -> _Pending | None:
        """The invocation in hand, which is then in hand no more; None if it is another."""
        with self._lock:
            pending = self._current
            if pending is None or request_id not in (None, pending.invocation.request_id):
                return None
            self._current = None
            return pending


def _settle(answer: Future[Reply], reply: Reply) -> None:
    with suppress(InvalidStateError):
        answer.set_result(reply)
