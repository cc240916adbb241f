"""Finds or publishes a server for a model, and waits until it answers the recorded sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.manifest import Part
from servery.domain.readiness import ready_answer, ready_question
from servery.domain.releases import PUBLISH_LEASE
from servery.domain.serving import Mode
from servery.errors import ModelServerError, RetryableError
from servery.usecases.release.image import image_key, pack_image
from servery.usecases.release.turns import FIRST_PAUSE, LONGEST_PAUSE, turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from servery.domain.deployment import Served, Server
    from servery.domain.manifest import ModelRef
    from servery.usecases.release.journal import Journal, ReleasePorts

HOLD_SECONDS = 180.0
READY_SECONDS = 240.0
"""A snapshot that nobody asked for two weeks is gone, and takes minutes to be made anew."""
CALL_SECONDS = 60.0


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
    code = ports.publisher.code(ref.runtime, ref.part)
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
    """A server that loads models loads any of its runtime; one with an image has only its own.

    Preprocessors and all others are served by different functions.
    """
    for there in candidates:
        server = there.server
        if (server.code, server.mode, there.ref.runtime) != (code, mode, ref.runtime):
            continue
        if (there.ref.part is Part.PREPROCESSOR) != (ref.part is Part.PREPROCESSOR):
            continue
        if mode is Mode.LOAD or there.ref == ref:
            return server
    return None


def _publish(ref: ModelRef, mode: Mode, publish_id: str, image: str, ports: ReleasePorts) -> Server:
    """Publish while holding the lease on the configurations that all models share."""
    with turn(PUBLISH_LEASE, publish_id, ports, seconds=HOLD_SECONDS):
        return ports.publisher.publish(ref, mode, publish_id, image)


def _await_ready(server: Server, ref: ModelRef, ports: ReleasePorts) -> None:
    """Ask until there is an answer; an answer that says no is the end."""
    question, started, pause = ready_question(ref), ports.clock.now(), FIRST_PAUSE
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
        pause = min(pause * 1.5, LONGEST_PAUSE)
