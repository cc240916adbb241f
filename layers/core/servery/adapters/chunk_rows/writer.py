"""The part of a chunk: a line for each row, with its ids, the prediction and the probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from servery.adapters.chunk_rows.written_ids import WRITE_IDS, csv_cell
from servery.domain.json_text import write_numbers
from servery.domain.signature import Task
from servery.errors import ModelServerError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from servery.domain.chunks import Layout
    from servery.domain.inference import Prediction
    from servery.domain.rows import Rows
    from servery.domain.signature import Signature

PREDICTION = "prediction"


class RowWriter:
    """Writes parts of one layout; the same rows and answers give the same bytes.

    A CSV part has its header, and its fields are in quotes only where they must be (RFC 4180).
    Ids are not altered in any way: also one that a spreadsheet would take for a formula stays.

    Args:
        signature: What the model answers.
        layout: What the parts have in common.
    """

    def __init__(self, signature: Signature, layout: Layout) -> None:
        classes = signature.output.classes or []
        written = [orjson.dumps(value).decode() for value in classes]
        names = [v if isinstance(v, str) else t for v, t in zip(classes, written, strict=True)]
        self._classifies = signature.task is Task.CLASSIFICATION
        self._scored = self._classifies and signature.output.probabilities
        self._as_csv = layout.output == "csv"
        self._write_ids = WRITE_IDS[layout.format, layout.output]
        tokens = [csv_cell(name) for name in names] if self._as_csv else written
        self._tokens: dict[Any, str] = dict(zip(classes, tokens, strict=True))
        scored = names if self._scored else []
        header = [*layout.ids, PREDICTION, *(f"probability_{name}" for name in scored)]
        self._header = ",".join(map(csv_cell, header)) + "\n" if self._as_csv else ""
        self._row = _json_row(layout.ids, scored)

    def write(self, rows: Rows, prediction: Prediction) -> bytes:
        """The part.

        Args:
            rows: The rows that were asked.
            prediction: A finite answer for each of them.

        Raises:
            ModelServerError: the model gave a class that its signature does not have, or no
                probabilities where the signature has them.
        """
        if not rows.good:
            return self._header.encode()
        columns = [self._write_ids(column) for column in rows.ids]
        columns.append(self._answers(prediction.answers))
        if self._scored:
            columns.extend(self._scores(prediction.probabilities))
        if not self._as_csv:
            return "".join(map(self._row.__mod__, zip(*columns, strict=True))).encode()
        lines = "\n".join(map(",".join, zip(*columns, strict=True)))
        return f"{self._header}{lines}\n".encode()

    def _answers(self, answers: NDArray[np.generic]) -> list[str]:
        if not self._classifies:
            return _tokens(answers)
        try:
            return [self._tokens[value] for value in answers.tolist()]
        except KeyError as error:
            raise ModelServerError("the model gave a class that is not in its signature") from error

    def _scores(self, scores: NDArray[np.floating] | None) -> list[list[str]]:
        """Columns of text: one for each class, or for CSV all of them as they stand in a line."""
        if scores is None or scores.shape[1:] != (len(self._tokens),):
            raise ModelServerError("the model gave no probability for each class of its signature")
        if not self._as_csv:
            return [_tokens(column) for column in scores.T]
        return [write_numbers(scores).decode()[2:-2].split("],[")]


def _tokens(column: NDArray[np.generic]) -> list[str]:
    return write_numbers(column).decode()[1:-1].split(",")


def _json_row(ids: list[str], scored: list[str]) -> str:
    """The line of a row with a place for each of its values."""
    members = [f"{_key(name)}:%s" for name in (*ids, PREDICTION)]
    if scored:
        inner = ",".join(f"{_key(name)}:%s" for name in scored)
        members.append(f'"probabilities":{{{inner}}}')
    return f"{{{','.join(members)}}}\n"


def _key(name: str) -> str:
    return orjson.dumps(name).decode().replace("%", "%%")
