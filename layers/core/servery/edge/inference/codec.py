"""Bytes to questions and answers to bytes, for one signature and its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from servery.domain.bodies import (
    Body,
    body_decoder,
    count_envelope,
    count_tensors,
    is_object,
)
from servery.domain.inference import Form, Question
from servery.domain.inputs import Columns
from servery.domain.json_text import count_strings
from servery.domain.signature import Task
from servery.edge.inference.answers import AnswerWriter
from servery.edge.inference.examination import Examination
from servery.edge.inference.features import FeatureWriter
from servery.edge.inference.records import RecordReader
from servery.edge.inference.refusal import check_rows, refuse
from servery.edge.inference.tensors import Table, TensorReader
from servery.errors import InvalidInputError, MalformedError, TooLargeError, Violation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from servery.domain.inference import AnswerContext, Prediction
    from servery.domain.serving import Limits
    from servery.domain.signature import Signature

_KB = 1000


class Codec:
    """Reads requests and writes answers; made once for a model, since it compiles its types.

    Args:
        signature: What the model takes and gives.
        limits: How many rows and bytes one request may have.
    """

    def __init__(self, signature: Signature, limits: Limits) -> None:
        self._columns = Columns(signature)
        self._limits = limits
        self._decoder = body_decoder(signature)
        self._records = RecordReader(self._columns)
        self._tensors = TensorReader(self._columns, limits.max_rows)
        prepares = signature.task is Task.PREPROCESSING
        self._writer = FeatureWriter(signature) if prepares else AnswerWriter(signature)

    def decode(self, body: bytes) -> Question:
        """Turn a body into rows that fit the signature.

        A key that stands twice in one object is refused like any other mistake.

        Raises:
            MalformedError: no JSON, not UTF-8, or nested too deeply.
            TooLargeError: more bytes or rows than the limits.
            InvalidInputError: with what is wrong, by field; never with a value of the caller.
        """
        if len(body) > self._limits.max_body_kb * _KB:
            raise TooLargeError(f"the body is larger than {self._limits.max_body_kb} KB")
        if not body.strip():
            raise MalformedError("the body is empty")
        try:
            parsed = self._decoder.decode(body)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            self._examine(body)
            raise _unexplained(error) from error
        if not (is_object(parsed.parameters) and _one_form(parsed)):
            self._examine(body)
            raise InvalidInputError("the body does not fit the signature")
        if isinstance(parsed.records, UnsetType):
            return self._read_tensors(parsed, body)
        return self._read_records(parsed, parsed.records, body)

    def encode(self, question: Question, prediction: Prediction, context: AnswerContext) -> bytes:
        """The complete body of an answer, in the form of the question.

        Raises:
            InvalidInputError: the model has no finite answer for a row.
        """
        return self._writer.write(question, prediction, context)

    def _read_records(self, parsed: Body, records: list[object], body: bytes) -> Question:
        check_rows(len(records), self._limits.max_rows)
        if not records:
            refuse([Violation("records", "is empty")])
        try:
            numbers = self._records.numbers(records)
        except OverflowError:
            self._examine(body)
            raise
        texts = self._records.texts(records)
        table = Table(len(records), numbers, texts, self._strings_in(len(records), texts))
        sure = (
            (numbers is None or self._columns.numbers_fit(numbers))
            and (texts is None or self._columns.texts_fit(texts))
            and parsed.outputs is UNSET
            and self._no_key_twice(parsed, table, body)
        )
        if not sure:
            self._examine(body)
        return self._question(Form.RECORDS, parsed, table, ())

    def _read_tensors(self, parsed: Body, body: bytes) -> Question:
        tensors = [] if isinstance(parsed.inputs, UnsetType) else parsed.inputs
        outputs = [] if isinstance(parsed.outputs, UnsetType) else parsed.outputs
        table = self._tensors.read(tensors)
        raws = [t.parameters for t in tensors] + [o.parameters for o in outputs]
        if not (all(map(is_object, raws)) and self._no_key_twice(parsed, table, body)):
            self._examine(body)
        wanted = tuple(output.name for output in outputs)
        self._check_outputs(wanted)
        return self._question(Form.TENSORS, parsed, table, wanted)

    def _check_outputs(self, wanted: tuple[str, ...]) -> None:
        found = []
        for index, name in enumerate(wanted):
            if name not in self._writer.names:
                message = f"is none of {', '.join(self._writer.names)}"
                found.append(Violation(f"outputs[{index}].name", message))
            elif name in wanted[:index]:
                found.append(Violation(f"outputs[{index}].name", f"{name} is there twice"))
            if len(found) > len(self._writer.names):
                break
        if found:
            refuse(found)

    def _strings_in(self, rows: int, texts: NDArray[np.object_] | None) -> int:
        """Strings that records hold when no key is repeated: every name, every text."""
        strings = rows * len(self._columns.all)
        if texts is None:
            return strings
        nulls = int((texts == None).sum()) if self._columns.nullable_text else 0  # noqa: E711
        return strings + texts.size - nulls

    def _no_key_twice(self, parsed: Body, table: Table, body: bytes) -> bool:
        tensors = [] if isinstance(parsed.inputs, UnsetType) else parsed.inputs
        expected = count_envelope(parsed) + count_tensors(tensors) + table.strings
        return count_strings(body) == expected

    def _question(
        self, form: Form, parsed: Body, table: Table, outputs: tuple[str, ...]
    ) -> Question:
        numbers, texts = table.numbers, table.texts
        if texts is not None and self._columns.nullable_text:
            texts[texts == None] = ""  # noqa: E711 - elementwise
        return Question(
            form=form,
            rows=table.rows,
            numeric=None if numbers is None else numbers.astype(np.float32),
            text=texts,
            id=None if isinstance(parsed.id, UnsetType) else parsed.id,
            outputs=outputs,
        )

    def _examine(self, body: bytes) -> None:
        """Refuse the body if anything is wrong with it, and say what."""
        examination = Examination(self._columns, self._limits.max_rows)
        examination.run(body)
        if examination.found:
            refuse(examination.found)
        if examination.tensors is not None:
            self._tensors.read(examination.tensors, doubtful=True)


def _one_form(parsed: Body) -> bool:
    return (parsed.records is UNSET) != (parsed.inputs is UNSET)


def _unexplained(error: Exception) -> Exception:
    """What to raise for a body that the typed decoder refused and the examination did not."""
    if isinstance(error, msgspec.ValidationError):
        return InvalidInputError("the body does not fit the signature")
    return MalformedError("the body is not valid JSON")
