"""Finds or publishes a server for a model, and waits until it answers the recorded sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.readiness import ready_answer, ready_question
from servery.domain.releases import PUBLISH_LEASE
from servery.domain.spec import Mode
from servery.errors import ConflictError, ModelServerError, RetryableError, UnavailableError
from servery.usecases.release.image import image_key, pack_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.domain.deployment import Served, Server
    from servery.domain.manifest import ModelRef
    from servery.usecases.release.journal import Journal, ReleasePorts

HOLD_SECONDS = 180.0
WAIT_SECONDS = 90.0
READY_SECONDS = 120.0
CALL_SECONDS = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


def place(
    ref: ModelRef,
    mode: Mode,
    *,
    publish_id: str,
    candidates: Sequence[Served],
    ports: ReleasePorts,
    journal: Journal,
) -> Server:
    """Give a model a server that is ready.

    Args:
        ref: The model.
        mode: How it comes to the server.
        publish_id: Makes a published server unique.
        candidates: Servers that are there; one that fits is taken instead of a new one.
        ports: What the release works with.
        journal: Where the steps are written.

    Raises:
        ModelServerError: the server is not ready; the sentence says why.
        UnavailableError: publishing, or the server, takes too long.
    """
    code = ports.publisher.code(ref.runtime)
    server = _fitting(ref, mode, code, candidates)
    if server is None:
        image = ""
        if mode is Mode.IMAGE:
            image = image_key(ref.model, publish_id)
            ports.objects.put(image, pack_image(ref, ports.objects))
            journal.did("package", image)
        server = _publish(ref, mode, publish_id, image, ports)
        journal.did("publish", f"{server.function} for {ref.version}, {mode}, {ref.runtime}")
        ports.publisher.settle(server)
    else:
        journal.did("publish", f"not needed, {server.function} is there")
    _await_ready(server, ref, ports)
    journal.did("ready", f"{server.function} answers the recorded sample of {ref.version}")
    return server


def _fitting(ref: ModelRef, mode: Mode, code: str, candidates: Sequence[Served]) -> Server | None:
    """A server that loads models loads any of its runtime; one with an image has only its own."""
    for there in candidates:
        server = there.server
        if (server.code, server.mode, there.ref.runtime) != (code, mode, ref.runtime):
            continue
        if mode is Mode.LOAD or there.ref == ref:
            return server
    return None


def _publish(ref: ModelRef, mode: Mode, publish_id: str, image: str, ports: ReleasePorts) -> Server:
    """Publish while holding the lease on the one configuration that all models share."""
    _take_turn(publish_id, ports)
    try:
        return ports.publisher.publish(ref, mode, publish_id, image)
    finally:
        ports.registry.end_lease(PUBLISH_LEASE, publish_id)


def _take_turn(owner: str, ports: ReleasePorts) -> None:
    started, pause = ports.clock.now(), _FIRST_PAUSE
    while True:
        try:
            return ports.registry.take_lease(PUBLISH_LEASE, owner, seconds=HOLD_SECONDS)
        except ConflictError as error:
            if (ports.clock.now() - started).total_seconds() + pause > WAIT_SECONDS:
                raise UnavailableError(f"other releases are publishing: {error}") from error
        ports.pause(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _await_ready(server: Server, ref: ModelRef, ports: ReleasePorts) -> None:
    """Ask until there is an answer; an answer that says no is the end."""
    question, started, pause = ready_question(ref), ports.clock.now(), _FIRST_PAUSE
    while True:
        try:
            answer = ready_answer(ref, ports.servers.call(server, question, timeout=CALL_SECONDS))
        except RetryableError as error:
            if (ports.clock.now() - started).total_seconds() + pause > READY_SECONDS:
                raise ModelServerError(
                    f"{server.function} did not become ready in {READY_SECONDS:g} s: {error}"
                ) from error
        else:
            if answer.ready:
                return
            raise ModelServerError(f"{server.function} is not ready: {answer.reason}")
        ports.pause(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
