"""The last answer that a row was given, by whichever version of the same signature."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from servery.domain.cached_rows import CachedRow, lasting_keys, lasting_place
from servery.domain.inference import AnswerContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from servery.ports import Clock
    from servery.ports.data_cache import RowTable
    from servery.ports.policies import Inquiry
    from servery.usecases.data_cache.models import CachedModels

KEPT_SECONDS = 30 * 86_400
_AGAIN_SECONDS = 3600  # the same answer is not written again for so long
_MOST_REMEMBERED = 10_000


class LastAnswers:
    """Keeps the last answers, and gives them; any number of threads may share it.

    Args:
        models: How requests are read.
        table: Where they are.
        clock: What ages go by.
        failed: Told what it failed of, and for which request.
    """

    def __init__(
        self,
        models: CachedModels,
        table: RowTable,
        clock: Clock,
        failed: Callable[[Exception, str], None],
    ) -> None:
        self._models = models
        self._table = table
        self._clock = clock
        self._failed = failed
        self._written: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, inquiry: Inquiry) -> str | None:
        """The document, in the form of the question; None where not all rows are known."""
        try:
            return self._recall(inquiry)
        except Exception as error:
            self._failed(error, inquiry.request_id)
            return None

    def keep(self, inquiry: Inquiry, document: str) -> None:
        """Keep an exact, undegraded answer, after the response."""
        try:
            self._keep(inquiry, document)
        except Exception as error:
            self._failed(error, inquiry.request_id)

    def _recall(self, inquiry: Inquiry) -> str | None:
        read = self._models.read(inquiry)
        if read is None:
            return None
        model, reading = read
        keys = lasting_keys(model.signature_digest, reading.rows)
        places = {key: lasting_place(inquiry.deployment.model, key) for key in keys}
        there = self._table.read(set(places.values())) or {}
        now = self._clock.now().timestamp()
        found = {key: there[place] for key, place in places.items() if place in there}
        found = {key: row for key, row in found.items() if row.key == key and row.expires > now}
        model.learn(found.values())
        rows = [found[key] for key in keys if key in found and model.usable(reading, found[key])]
        if len(rows) < len(keys):
            return None
        ref = inquiry.served.ref
        context = AnswerContext(
            model=ref.model,
            model_version=max(rows, key=lambda row: row.at).version,
            request_id=inquiry.request_id,
            served_by=inquiry.served_by,
            degraded=True,
            pair=ref.pair,
        )
        return model.weaver.write(
            [row.answered for row in rows],
            context,
            form=reading.form,
            name=reading.id,
            outputs=reading.outputs,
            floats=model.floats,
            versions=[row.version for row in rows],
        ).decode()

    def _keep(self, inquiry: Inquiry, document: str) -> None:
        read = self._models.read(inquiry)
        if read is None:
            return
        model, reading = read
        answer = model.weaver.read(document)
        if answer is None or answer.degraded or len(answer.rows) != len(reading.rows):
            return
        now = self._clock.now().timestamp()
        keys = lasting_keys(model.signature_digest, reading.rows)
        rows = [
            CachedRow(
                lasting_place(inquiry.deployment.model, key),
                key,
                answered,
                now,
                now + KEPT_SECONDS,
                answer.model_version,
            )
            for key, answered in dict(zip(keys, answer.rows, strict=True)).items()
        ]
        self._table.keep([row for row in rows if self._is_news(row)])

    def _is_news(self, row: CachedRow) -> bool:
        """Whether this process has not written the very same lately."""
        said = row.answered.answer + row.version.encode()
        with self._lock:
            before, at = self._written.get(row.key, (b"", 0.0))
            if before == said and row.at - at < _AGAIN_SECONDS:
                return False
            self._written[row.key] = (said, row.at)
            self._written.move_to_end(row.key)
            if len(self._written) > _MOST_REMEMBERED:
                self._written.popitem(last=False)
            return True
