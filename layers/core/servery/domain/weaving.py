"""Answers taken apart into rows, and put together from rows again, in either form, to the byte.

A row is kept as the records form has it, without the version, and with its numbers as they were
written, so nothing is ever rounded on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from msgspec import UnsetType

from servery.domain.answer_documents import records_document, tensor, tensors_document
from servery.domain.answered_rows import (
    PROBABILITIES,
    AnswerBody,
    AnsweredRow,
    Document,
    RowBody,
    output_names,
)
from servery.domain.datatypes import DATATYPE_OF
from servery.domain.inference import Form
from servery.domain.signature import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from servery.domain.answered_rows import TensorBody
    from servery.domain.inference import AnswerContext
    from servery.domain.signature import Signature

_FLOATS = "FP32"
_WIDE = b"7.038530691851209e-26"
"""The one float32 that features are not written as (`domain.json_rows`); tensors with it are
float64 altogether, so they are not put together from rows."""


class Weaver:
    """Takes answers of one signature apart, and puts them together.

    Args:
        signature: What the model takes and gives.
    """

    def __init__(self, signature: Signature) -> None:
        output = signature.output
        self.names = output_names(signature)
        self._task = signature.task
        self._unit = orjson.dumps(output.unit)
        self._datatype = DATATYPE_OF[output.dtype]
        classes = [
            v if isinstance(v, str) else orjson.dumps(v).decode() for v in output.classes or []
        ]
        self._keys = list(output.features or []) or (classes if PROBABILITIES in self.names else [])
        self._key_tokens = [orjson.dumps(key) + b":" for key in self._keys]
        # Only these are float32 or float64, as the model has them.
        self._open = self._task is Task.REGRESSION or PROBABILITIES in self.names
        for body in (
            b'{"model_version":"","predictions":[]}',
            b'{"model_version":"","outputs":[]}',
        ):
            msgspec.json.decode(body, type=AnswerBody)
        msgspec.json.decode(b"{}", type=RowBody)

    def read(self, body: str | bytes) -> Document | None:
        """Take an answer apart; None where it is none, or lacks what rows are made of."""
        try:
            answer = msgspec.json.decode(body, type=AnswerBody)
            if isinstance(answer.outputs, UnsetType):
                rows = self._of_records(answer)
            else:
                rows = self._of_tensors(answer.outputs)
        except (msgspec.MsgspecError, ValueError, KeyError):
            return None
        degraded = answer.degraded or answer.parameters.degraded
        return None if rows is None else Document(rows, answer.model_version, degraded)

    def fits(self, row: AnsweredRow, form: Form, floats: str) -> bool:
        """Whether a row can be put into an answer of a form.

        Args:
            row: The row.
            form: The form.
            floats: The datatype of the model's numbers; empty where nobody knows it.
        """
        if form is Form.RECORDS:
            return True
        known = not self._open or bool(row.floats or floats)
        return known and not (self._task is Task.PREPROCESSING and _WIDE in row.answer)

    def write(
        self,
        rows: Sequence[AnsweredRow],
        context: AnswerContext,
        *,
        form: Form,
        name: str | None = None,
        outputs: Sequence[str] = (),
        floats: str = "",
        versions: Sequence[str] = (),
    ) -> bytes:
        """Put an answer together.

        Args:
            rows: What it says of each row; each of them fits.
            context: What it says about itself.
            form: Of the answer.
            name: The caller's own name for the request.
            outputs: The tensors that the caller wants; empty for all.
            floats: The datatype of numbers, for rows that do not say it.
            versions: Who answered each row, where that is not the same for all; only records
                say it.
        """
        said = {"pair": context.pair} if self._task is Task.PREPROCESSING else None
        if form is Form.RECORDS:
            said_by = versions or [context.model_version] * len(rows)
            content = b",".join(
                row.answer[:-1] + _behind(version)
                for row, version in zip(rows, said_by, strict=True)
            )
            return records_document(name, context, content, said)
        floats = next((row.floats for row in rows if row.floats), floats)
        parts = [msgspec.json.decode(row.answer, type=RowBody) for row in rows]
        tensors = [self._tensor(output, parts, floats) for output in outputs or self.names]
        return tensors_document(name, context, tensors, said)

    def _of_records(self, answer: AnswerBody) -> list[AnsweredRow] | None:
        if isinstance(answer.predictions, UnsetType):
            return None
        floats = "" if self._open else _FLOATS
        behind = _behind(answer.model_version)
        rows = list(map(bytes, answer.predictions))
        if not all(row.endswith(behind) for row in rows):
            return None
        return [AnsweredRow(row[: -len(behind)] + b"}", floats) for row in rows]

    def _of_tensors(self, outputs: list[TensorBody]) -> list[AnsweredRow] | None:
        by_name = {output.name: output for output in outputs}
        if by_name.keys() != set(self.names):
            return None
        first = by_name[self.names[0]]
        many = by_name.get(PROBABILITIES, first)
        tokens = list(map(bytes, many.data))
        floats = many.datatype if self._open else _FLOATS
        if self._task is Task.PREPROCESSING and {_WIDE, b"-" + _WIDE} & set(tokens):
            return None
        if self._task is Task.REGRESSION:
            made = [b'{"value":%b,"unit":%b}' % (token, self._unit) for token in tokens]
        elif self._task is Task.PREPROCESSING:
            made = [b'{"features":%b}' % row for row in self._objects(tokens)]
        elif len(self.names) == 1:
            made = [b'{"class":%b}' % token for token in tokens]
        else:
            pairs = zip(map(bytes, first.data), self._objects(tokens), strict=True)
            made = [b'{"class":%b,"probabilities":%b}' % pair for pair in pairs]
        return [AnsweredRow(row, floats) for row in made]

    def _objects(self, tokens: list[bytes]) -> list[bytes]:
        """The tokens of a matrix as one object for each row of it."""
        width = len(self._keys)
        rows = zip(*[iter(tokens)] * width, strict=True)
        return [b"{" + b",".join(map(bytes.__add__, self._key_tokens, row)) + b"}" for row in rows]

    def _tensor(self, name: str, rows: list[RowBody], floats: str) -> dict[str, Any]:
        if name == "class":
            return tensor(name, [len(rows)], self._datatype, _array(row.first for row in rows))
        if name == "value":
            return tensor(name, [len(rows)], floats, _array(row.value for row in rows))
        scored = name == PROBABILITIES
        objects = [row.probabilities if scored else row.features for row in rows]
        data = _array(found[key] for found in objects for key in self._keys)
        return tensor(name, [len(rows), len(self._keys)], floats if scored else _FLOATS, data)


def _behind(version: str) -> bytes:
    """What ends the row of a version."""
    return b',"model_version":' + orjson.dumps(version) + b"}"


def _array(tokens: Iterable[Any]) -> orjson.Fragment:
    return orjson.Fragment(b"[" + b",".join(map(bytes, tokens)) + b"]")
