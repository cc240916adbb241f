"""A release without stages, from its first step to its end, whatever happens on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.domain.deployment import servers_of
from servery.domain.release_records import ReleaseKind, ReleaseState
from servery.domain.releases import seen_at
from servery.errors import (
    ConflictError,
    FaultError,
    NotFoundError,
    RejectedError,
    RetryableError,
    ServeryError,
)
from servery.usecases.release.image import image_key
from servery.usecases.release.journal import FIRST_STEP, Journal
from servery.usecases.release.rolling import publish_ids, roll
from servery.usecases.release.standing import stand

if TYPE_CHECKING:
    from servery.domain.release_records import ReleaseRecord
    from servery.usecases.release.journal import ReleasePorts

ATTEMPTS = 3
"""Lambda makes an asynchronous call again twice."""
_KINDS = {
    ReleaseKind.CANDIDATE: stand,
    ReleaseKind.ROLL: roll,
}


def run_release(model: str, release_id: str, ports: ReleasePorts) -> ReleaseRecord:
    """Carry out a recorded candidate or roll; begun again, it takes up where it stopped.

    A release of kind release is the business of the state machine; see `states`.

    Every step can be done twice: what was published is found by the release's id, what was
    promoted by its training, and what was crowned by the deployment's reason. A release that
    fails leaves the champion alone and removes what it made.

    Returns:
        The record as it ended: succeeded, or failed by something that is nobody's fault.

    Raises:
        RetryableError: not now; the record still runs, and the same call again goes on.
        FaultError: it failed, and somebody has to look; the record says so too.
    """
    record = ports.registry.release(model, release_id)
    if record.state is ReleaseState.SUCCEEDED:
        return record
    if record.state is ReleaseState.FAILED:
        raise FaultError(record.reason)
    journal = Journal(ports, record)
    given_up = seen_at(record, ports.clock.now())
    if given_up.state is ReleaseState.FAILED:
        return _fail(journal, ports, given_up.reason)
    if journal.attempts >= ATTEMPTS:
        _fail(journal, ports, f"given up after {ATTEMPTS} attempts")
        raise FaultError(journal.record.reason)
    try:
        journal.did(FIRST_STEP, f"attempt {journal.attempts + 1}")
        _KINDS[record.kind](journal, ports)
        journal.did("done")
        journal.end()
    except RetryableError as error:
        if journal.attempts < ATTEMPTS:
            raise
        return _fail(journal, ports, str(error))
    except RejectedError as error:
        return _fail(journal, ports, str(error))
    except FaultError as error:
        _fail(journal, ports, str(error))
        raise
    except Exception as error:
        _fail(journal, ports, f"unexpected {type(error).__name__}; the log of the release has it")
        raise
    return journal.record


def _fail(journal: Journal, ports: ReleasePorts, reason: str) -> ReleaseRecord:
    """Remove what was made, write why, and give the lease back."""
    try:
        journal.take_lease()
        _remove_half_made(journal.record, ports)
    except ConflictError:
        reason += "; another release has taken over"
    except ServeryError as error:
        reason += f"; what it made could not be removed yet: {error}"
    try:
        journal.end(reason)
    except ConflictError:
        # The same release ran twice at the same time, and the other run has ended it.
        return ports.registry.release(journal.record.model, journal.record.id)
    return journal.record


def _remove_half_made(record: ReleaseRecord, ports: ReleasePorts) -> None:
    try:
        keep = servers_of(ports.registry.deployment(record.model))
    except NotFoundError:
        keep = []
    ports.publisher.sweep(record.model, keep)
    for publish_id in publish_ids(record):
        ports.objects.delete(image_key(record.model, publish_id))
