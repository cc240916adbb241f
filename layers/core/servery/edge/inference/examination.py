"""What is wrong with a body, exactly: the slow path that only refused requests take.

The standard library's parser is used on purpose: it keeps repeated keys, NaN and numbers beyond
every range, so that each can be named by its field.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from servery.domain.json_text import Pairs, read_pairs
from servery.edge.inference.refusal import MOST, check_rows
from servery.edge.inference.schema import Tensor
from servery.errors import MalformedError, Violation

if TYPE_CHECKING:
    from collections.abc import Container

    from servery.domain.inputs import Columns

_NAME_SHOWN = 64
_BODY = ("records", "inputs", "outputs", "id", "parameters")
_TENSOR = ("name", "shape", "datatype", "data")


def parse(body: bytes) -> Any:
    """Read a body with everything that is wrong still in it.

    Raises:
        MalformedError: it is no JSON, even with NaN and infinities let through.
    """
    try:
        return read_pairs(body.decode())
    except UnicodeDecodeError as error:
        raise MalformedError("the body is not valid UTF-8") from error
    except RecursionError as error:
        raise MalformedError("the body is nested too deeply") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedError(f"the body is not valid JSON at {where}") from error


class Examination:
    """Collects what is wrong with one body, at most `MOST` violations.

    Args:
        columns: The inputs of the model.
        max_rows: Rows that one request may have.
    """

    def __init__(self, columns: Columns, max_rows: int) -> None:
        self._columns = columns
        self._max_rows = max_rows
        self.found: list[Violation] = []
        self.tensors: list[Tensor] | None = None

    def run(self, body: bytes) -> None:
        """Examine a body; afterwards `found` has what is wrong.

        `tensors` is set where their envelopes are right, so that their data can be examined.

        Raises:
            MalformedError: it is no JSON.
            TooLargeError: more rows than the limit.
        """
        value = parse(body)
        if not isinstance(value, Pairs):
            self._add("body", "is not a JSON object")
            return
        members = self._members(value, "", _BODY)
        if ("records" in members) == ("inputs" in members):
            self._add("body", "has to have either records or inputs")
        if "id" in members:
            self._id(members["id"])
        self._parameters(members, "")
        if "records" in members:
            self._records(members["records"])
            if "outputs" in members:
                self._add("outputs", "goes with inputs only")
        elif "inputs" in members:
            self._inputs(members["inputs"])
            self._outputs(members.get("outputs", []))

    def _add(self, field: str, message: str) -> None:
        if len(self.found) < MOST:
            self.found.append(Violation(field, message))

    @property
    def _full(self) -> bool:
        return len(self.found) >= MOST

    def _members(
        self, pairs: Pairs, path: str, known: Container[str], what: str = "is not known here"
    ) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for name, value in pairs:
            if name not in known:
                self._add(f"{path}{_shown(name)}", what)
            elif name in members:
                self._add(f"{path}{name}", "is there twice")
            members[name] = value
        return members

    def _id(self, value: Any) -> None:
        if not _is_text(value):
            self._add("id", "is not text")

    def _parameters(self, members: dict[str, Any], path: str) -> None:
        if "parameters" in members and not isinstance(members["parameters"], Pairs):
            self._add(f"{path}parameters", "is not an object")

    def _records(self, records: Any) -> None:
        if not _is_array(records):
            self._add("records", "is not an array of objects")
            return
        if not records:
            self._add("records", "is empty")
        check_rows(len(records), self._max_rows)
        names = self._columns.by_name
        for index, record in enumerate(records):
            if self._full:
                return
            path = f"records[{index}]"
            if not isinstance(record, Pairs):
                self._add(path, "is not an object")
                continue
            members = self._members(record, f"{path}.", names, "is no input of this model")
            for column in self._columns.all:
                if column.name not in members:
                    self._add(f"{path}.{column.name}", "is missing")
                    continue
                message = column.complaint(members[column.name])
                if message is not None:
                    self._add(f"{path}.{column.name}", message)

    def _inputs(self, inputs: Any) -> None:
        if not _is_array(inputs):
            self._add("inputs", "is not an array of tensors")
            return
        if not inputs:
            self._add("inputs", "is empty")
        tensors = []
        for index, value in enumerate(inputs):
            if self._full:
                return
            tensors.append(self._tensor(f"inputs[{index}]", value))
        whole = [tensor for tensor in tensors if tensor is not None]
        if len(whole) == len(tensors):
            self.tensors = whole

    def _tensor(self, path: str, value: Any) -> Tensor | None:
        if not isinstance(value, Pairs):
            self._add(path, "is not a tensor object")
            return None
        before = len(self.found)
        members = self._members(value, f"{path}.", (*_TENSOR, "parameters"))
        self._parameters(members, f"{path}.")
        for name in _TENSOR:
            if name not in members:
                self._add(f"{path}.{name}", "is missing")
            elif not _TENSOR_PART[name][0](members[name]):
                self._add(f"{path}.{name}", _TENSOR_PART[name][1])
        if len(self.found) > before:
            return None
        return Tensor(*(members[name] for name in _TENSOR))

    def _outputs(self, outputs: Any) -> None:
        if not _is_array(outputs):
            self._add("outputs", "is not an array")
            return
        for index, value in enumerate(outputs):
            path = f"outputs[{index}]"
            if not isinstance(value, Pairs):
                self._add(path, "is not an object")
                continue
            members = self._members(value, f"{path}.", ("name", "parameters"))
            self._parameters(members, f"{path}.")
            if not _is_text(members.get("name")):
                self._add(f"{path}.name", "is not the name of an output")


def _is_array(value: Any) -> bool:
    return isinstance(value, list) and not isinstance(value, Pairs)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def _is_shape(value: Any) -> bool:
    return _is_array(value) and all(type(size) is int and size >= 0 for size in value)


def _shown(name: str) -> str:
    printable = name.encode("ascii", "backslashreplace").decode()
    return printable if len(printable) <= _NAME_SHOWN else f"{printable[:_NAME_SHOWN]}..."


_TENSOR_PART = {
    "name": (_is_text, "is not text"),
    "shape": (_is_shape, "is not an array of sizes"),
    "datatype": (_is_text, "is not text"),
    "data": (_is_array, "is not an array"),
}
