"""Telling of alarms: what is kept to be told is told, and again where it was not taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from servery.domain.watch_records import Telling, WatchRecord
    from servery.ports.watching import AlarmTeller


def tell(
    record: WatchRecord,
    tellers: Sequence[AlarmTeller],
    *,
    failed: Callable[[str, Exception], None],
) -> WatchRecord:
    """Tell what waits in the outbox; the record without what everybody was told.

    The record has to be kept before it is told and written after. A crash in between tells all of
    it again, under the same ids, rather than not at all.

    Args:
        record: As it is kept.
        tellers: Who is told, one after the other; that one fails does not hurt the others.
        failed: Is called with the model and the error, where one did.
    """
    waiting = [_told(telling, tellers, failed) for telling in record.outbox]
    return msgspec.structs.replace(record, outbox=[each for each in waiting if each is not None])


def _told(
    telling: Telling,
    tellers: Sequence[AlarmTeller],
    failed: Callable[[str, Exception], None],
) -> Telling | None:
    told = list(telling.told)
    for teller in tellers:
        if teller.name in told:
            continue
        try:
            teller.tell(telling)
        except Exception as error:
            failed(telling.model, error)
        else:
            told.append(teller.name)
    if len(told) == len(tellers):
        return None
    return msgspec.structs.replace(telling, told=told)
