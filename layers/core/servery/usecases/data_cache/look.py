"""What the cache knows of one request, and the answer that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from servery.domain.inference import AnswerContext
from servery.errors import ModelServerError
from servery.usecases.data_cache.models import content_of

if TYPE_CHECKING:
    from servery.domain.answered_rows import AnsweredRow
    from servery.domain.cached_rows import CachedRow
    from servery.domain.canonical import Reading
    from servery.ports.policies import CacheState, Inquiry, Reply
    from servery.usecases.data_cache.models import CachedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A request, and which of its rows are known.

    Attributes:
        inquiry: The request.
        model: Who answers it.
        reading: Its rows.
        keys: The key of each row.
        found: The rows that are known, by key.
    """

    inquiry: Inquiry
    model: CachedModel
    reading: Reading
    keys: list[bytes]
    found: dict[bytes, CachedRow]

    @property
    def missing(self) -> list[bytes]:
        """The keys of rows that are not known, each once, in the order of the request."""
        return [key for key in dict.fromkeys(self.keys) if key not in self.found]


class RequestLook:
    """A look, as the gateway takes it.

    Args:
        known: What is known.
        keep: Keeps answers by key, in this order.
        give_up: Says that there will be none.
    """

    def __init__(
        self,
        known: Known,
        keep: Callable[[Sequence[tuple[bytes, AnsweredRow]]], None],
        give_up: Callable[[], None],
    ) -> None:
        self._known = known
        self._keep = keep
        self.give_up = give_up
        self._missing = known.missing
        self.rows = len(known.keys)
        self.state: CacheState = "partial" if known.found else "miss"
        if not self._missing:
            self.state = "hit"
        self._own = self._is_own()
        self.question = self._question()

    def answer(self) -> str:
        """The document of a hit, in the form of the question."""
        answers = {key: row.answered for key, row in self._known.found.items()}
        return self._woven(answers, self._known.inquiry.served.ref.version)

    def weave(self, reply: Reply) -> str:
        """The document of all rows, in order.

        Raises:
            ModelServerError: the reply is none that rows could be taken from.
        """
        document = self._known.model.weaver.read(reply.body)
        asked = self._known.keys if self._own else self._missing
        whole = document is not None and len(document.rows) == len(asked)
        if document is None or not whole:
            self.give_up()
            if self._own:
                return reply.body
            raise ModelServerError("the model server answered what nobody can read")
        rows = list(zip(asked, document.rows, strict=True))
        if reply.exact and not document.degraded:
            self._keep(rows)
        else:
            self.give_up()
        if self._own:
            return reply.body
        answers = {key: row.answered for key, row in self._known.found.items()}
        answers.update(rows)
        return self._woven(answers, reply.model_version, degraded=document.degraded)

    def _is_own(self) -> bool:
        """Whether the request's own body asks for exactly what is missing, and for all of it."""
        known = self._known
        wanted = known.reading.outputs
        complete = not wanted or set(wanted) == set(known.model.weaver.names)
        return len(self._missing) == len(known.keys) and complete

    def _question(self) -> str:
        if not self._missing:
            return ""
        if self._own:
            return content_of(self._known.inquiry).decode()
        first = {key: row for row, key in reversed(list(enumerate(self._known.keys)))}
        return self._known.reading.question([first[key] for key in self._missing])

    def _woven(
        self, answers: dict[bytes, AnsweredRow], version: str, *, degraded: bool = False
    ) -> str:
        known, ref = self._known, self._known.inquiry.served.ref
        context = AnswerContext(
            model=ref.model,
            model_version=version,
            request_id=known.inquiry.request_id,
            served_by=known.inquiry.served_by,
            cache=self.state,
            degraded=degraded,
            pair=ref.pair,
        )
        return known.model.weaver.write(
            [answers[key] for key in known.keys],
            context,
            form=known.reading.form,
            name=known.reading.id,
            outputs=known.reading.outputs,
            floats=known.model.floats,
        ).decode()
