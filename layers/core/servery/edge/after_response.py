"""Work that is done after the response has left, and before Lambda freezes the environment.

Lambda freezes an execution environment once the response is out and every registered extension
has asked for its next event. A thread of this process that registers as an internal extension
(for INVOKE; no other event is allowed to one) therefore gets the time in between: the caller has
the answer, and the environment stays awake until the thread asks for the next event. The time
counts as the function's, so it is bounded, and ends before the function's own timeout.

Where there is no Extensions API (the local clouds, a test) nothing freezes either, and a plain
thread does the work.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from servery.edge.http import Response
from servery.edge.telemetry import log_error
from servery.errors import UnavailableError

NAME = "servery-after-response"
WORK_SECONDS = 5.0  # for the work of one request, at the most
LEAST_SECONDS = 0.2
MARGIN_SECONDS = 0.5  # left of the function's own time
GRACE_SECONDS = 0.5  # for the runtime to hand a response over and let go of it

Work = Callable[[float], None]
Serve = Callable[[dict[str, Any], Any], dict[str, Any]]


class Extensions(Protocol):
    """Lambda's Extensions API."""

    def register(self, name: str) -> str:
        """Register for INVOKE; the identifier that Lambda gives, empty where it gives none."""
        ...

    def next(self, identifier: str) -> tuple[str, float]:
        """Say that the last event is done with, and wait for the next one.

        Returns:
            Its request's id, and when it has to be over, in seconds since the epoch.

        Raises:
            UnavailableError: there is no event to be had.
        """
        ...


class AfterResponse:
    """Does some work after each response.

    `start` registers with Lambda, which is possible only until the function asks for its first
    event: call it while the handler's module is imported.

    Args:
        work: Called with the seconds it may take, in a thread of its own; what it raises is
            logged.
        extensions: Lambda's API inside the environment; None where there is none.
    """

    def __init__(self, work: Work, extensions: Extensions | None) -> None:
        self._work = work
        self._extensions = extensions
        self._extension = ""
        self._signs: SimpleQueue[str] = SimpleQueue()  # its put may be called by the collector
        self._last: weakref.ref[Response] | None = None
        self._served = ""

    @property
    def registered(self) -> bool:
        """Whether Lambda waits for the work before it freezes the environment."""
        return bool(self._extension)

    def start(self) -> AfterResponse:
        """Register with Lambda where that is possible, and start the thread."""
        self._extension = self._extensions.register(NAME) if self._extensions else ""
        if self._extensions and self._extension:
            self._begin(self._attend, self._extensions)
        else:
            self._begin(self._follow)
        return self

    def around(self, serve: Serve, event: dict[str, Any], context: Any) -> Response:
        """Serve an event, and have the work done once its response has been let go.

        The runtime drops the response when it has handed it over to Lambda, so the end of the
        object's life is the sign to begin, with no say in how the runtime works. Where nobody
        waits for the work, it may begin at once.
        """
        request_id = str(getattr(context, "aws_request_id", ""))
        try:
            answer = serve(event, context)
        except BaseException:
            self._signs.put(request_id)
            raise
        response = answer if isinstance(answer, Response) else Response(answer)
        if self._extension:
            self._last = weakref.ref(response, lambda _: self._signs.put(request_id))
            self._served = request_id
        else:
            self._signs.put(request_id)
        return response

    def _begin(self, run: Callable[..., None], *given: Extensions) -> None:
        threading.Thread(target=run, args=given, name=NAME, daemon=True).start()

    def _follow(self) -> None:
        while True:
            self._signs.get()
            self._do(WORK_SECONDS)

    def _attend(self, extensions: Extensions) -> None:
        while True:
            try:
                request_id, deadline = extensions.next(self._extension)
            except UnavailableError:
                self._extension = ""
                self._follow()
            until = deadline - MARGIN_SECONDS
            self._wait(request_id, until)
            self._do(min(WORK_SECONDS, max(LEAST_SECONDS, until - time.time())))

    def _wait(self, request_id: str, until: float) -> None:
        """Wait until the response of a request was let go, but not for ever.

        A sign of a request given up before is passed over. One whose response was made and is
        still held by the runtime has had its time after at most twice the grace.
        """
        held = False
        while not held and (left := until - time.time()) > 0:
            held = self._served == request_id
            try:
                while self._signs.get(timeout=min(left, GRACE_SECONDS)) != request_id:
                    pass
            except Empty:
                continue
            return

    def _do(self, seconds: float) -> None:
        """Work, and live on: Lambda would wait for a thread that died until its timeout."""
        try:
            self._work(seconds)
        except Exception as error:
            log_error(error, request_id="", route=NAME)
