"""What is wrong with a body, exactly: the slow path that only refused requests take.

A number of very many digits is infinite here: the field is named, whatever its column takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from servery.domain.bodies import Tensor
from servery.domain.json_pairs import Pairs, whole_or_infinite
from servery.edge.findings import Findings, is_array, parse_pairs
from servery.edge.inference.refusal import MOST, check_rows

if TYPE_CHECKING:
    from servery.domain.inputs import Columns

_BODY = ("records", "inputs", "outputs", "id", "parameters")
_TENSOR = ("name", "shape", "datatype", "data")


class Examination(Findings):
    """Collects what is wrong with one body, at most `MOST` violations.

    Args:
        columns: The inputs of the model.
        max_rows: Rows that one request may have.
    """

    def __init__(self, columns: Columns, max_rows: int) -> None:
        super().__init__(MOST)
        self._columns = columns
        self._max_rows = max_rows
        self.tensors: list[Tensor] | None = None

    def run(self, body: bytes) -> None:
        """Examine a body; afterwards `found` has what is wrong.

        `tensors` is set where their envelopes are right, so that their data can be examined.

        Raises:
            MalformedError: it is no JSON.
            TooLargeError: more rows than the limit.
        """
        value = parse_pairs(body, whole=whole_or_infinite)
        if not isinstance(value, Pairs):
            self.add("body", "is not a JSON object")
            return
        members = self.members(value, "", _BODY)
        if ("records" in members) == ("inputs" in members):
            self.add("body", "has to have either records or inputs")
        if "id" in members:
            self._id(members["id"])
        self._parameters(members, "")
        if "records" in members:
            self._records(members["records"])
            if "outputs" in members:
                self.add("outputs", "goes with inputs only")
        elif "inputs" in members:
            self._inputs(members["inputs"])
            self._outputs(members.get("outputs", []))

    def _id(self, value: Any) -> None:
        if not _is_text(value):
            self.add("id", "is not text")

    def _parameters(self, members: dict[str, Any], path: str) -> None:
        if "parameters" in members and not isinstance(members["parameters"], Pairs):
            self.add(f"{path}parameters", "is not an object")

    def _records(self, records: Any) -> None:
        if not is_array(records):
            self.add("records", "is not an array of objects")
            return
        if not records:
            self.add("records", "is empty")
        check_rows(len(records), self._max_rows)
        names = self._columns.by_name
        for index, record in enumerate(records):
            if self.full:
                return
            path = f"records[{index}]"
            if not isinstance(record, Pairs):
                self.add(path, "is not an object")
                continue
            members = self.members(record, f"{path}.", names, "is no input of this model")
            for column in self._columns.all:
                if column.name not in members:
                    self.add(f"{path}.{column.name}", "is missing")
                    continue
                message = column.complaint(members[column.name])
                if message is not None:
                    self.add(f"{path}.{column.name}", message)

    def _inputs(self, inputs: Any) -> None:
        if not is_array(inputs):
            self.add("inputs", "is not an array of tensors")
            return
        if not inputs:
            self.add("inputs", "is empty")
        tensors = []
        for index, value in enumerate(inputs):
            if self.full:
                return
            tensors.append(self._tensor(f"inputs[{index}]", value))
        whole = [tensor for tensor in tensors if tensor is not None]
        if len(whole) == len(tensors):
            self.tensors = whole

    def _tensor(self, path: str, value: Any) -> Tensor | None:
        if not isinstance(value, Pairs):
            self.add(path, "is not a tensor object")
            return None
        before = len(self.found)
        members = self.members(value, f"{path}.", (*_TENSOR, "parameters"))
        self._parameters(members, f"{path}.")
        for name in _TENSOR:
            if name not in members:
                self.add(f"{path}.{name}", "is missing")
            elif not _TENSOR_PART[name][0](members[name]):
                self.add(f"{path}.{name}", _TENSOR_PART[name][1])
        if len(self.found) > before:
            return None
        return Tensor(*(members[name] for name in _TENSOR))

    def _outputs(self, outputs: Any) -> None:
        if not is_array(outputs):
            self.add("outputs", "is not an array")
            return
        for index, value in enumerate(outputs):
            path = f"outputs[{index}]"
            if not isinstance(value, Pairs):
                self.add(path, "is not an object")
                continue
            members = self.members(value, f"{path}.", ("name", "parameters"))
            self._parameters(members, f"{path}.")
            if not _is_text(members.get("name")):
                self.add(f"{path}.name", "is not the name of an output")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def _is_shape(value: Any) -> bool:
    return is_array(value) and all(type(size) is int and size >= 0 for size in value)


_TENSOR_PART = {
    "name": (_is_text, "is not text"),
    "shape": (_is_shape, "is not an array of sizes"),
    "datatype": (_is_text, "is not text"),
    "data": (is_array, "is not an array"),
}
