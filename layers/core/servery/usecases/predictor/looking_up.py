"""Records whose data the server looks up by itself, before they are read like any others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servery.domain.entities import Lookup, columns_of, key_text
from servery.errors import BadAnswerError, InvalidInputError, MalformedError, Violation
from servery.usecases.predictor.answering import Answered, Asked, infer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from servery.ports import EntityReader
    from servery.usecases.predictor.shelf import Chosen

HOP = "lookup"
_MOST = 20


def infer_keyed(
    chosen: Chosen, asked: Asked, lookup: Lookup, keys: Sequence[object], entities: EntityReader
) -> Answered:
    """Predict the rows of a request, with the inputs that it leaves out looked up.

    Args:
        chosen: Who answers.
        asked: The request, in the form of records; what it says itself is not looked up.
        lookup: What is looked up.
        keys: The key of each record.
        entities: Where the data are.

    Raises:
        MalformedError: the body has not as many records as there are keys.
        InvalidInputError: there are no data for some of the keys (`lookup[3]`), or the request
            itself is not acceptable.
        BadAnswerError: the data that there are do not fit.
        RetryableError: the data cannot be read now.
    """
    document, records = _read(asked.body, len(keys))
    texts = [key_text(key) for key in keys]
    wanted_keys = {text for text in texts if text}
    if lookup.keeping is None:
        data = entities.get_many(lookup.entity, wanted_keys)
    else:
        data = entities.get_many(lookup.entity, wanted_keys, lookup.keeping)
    found = _found(lookup, texts, data)
    wanted = {field.name for field in chosen.model.manifest.signature.inputs}
    wanted &= {column.name for column in lookup.columns}
    document["records"] = [
        {**{name: row[name] for name in wanted}, **record}
        for row, record in zip(found, records, strict=True)
    ]
    looked_up = {
        f"records[{index}].{name}"
        for index, record in enumerate(records)
        for name in wanted - record.keys()
    }
    try:
        return infer(chosen, msgspec.structs.replace(asked, body=msgspec.json.encode(document)))
    except InvalidInputError as error:
        wrong = next((v for v in error.violations if v.field in looked_up), None)
        if wrong is None:
            raise
        name = wrong.field.rpartition(".")[2]
        message = f"{name} of the {lookup.entity} does not fit the model: {wrong.message}"
        raise BadAnswerError(HOP, message) from error


def _read(body: bytes, rows: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("the body is not valid JSON") from error
    records = document.get("records") if isinstance(document, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise MalformedError("data are looked up for records only")
    if len(records) != rows:
        raise MalformedError(f"there are {rows} keys for {len(records)} records")
    return document, records


def _found(
    lookup: Lookup, keys: Sequence[str], data: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    absent: list[Violation] = []
    for index, key in enumerate(keys):
        columns, wrong = columns_of(lookup, data.get(key))
        if columns is not None:
            rows.append(columns)
        elif key in data:
            raise BadAnswerError(HOP, wrong)
        else:
            absent.append(Violation(f"lookup[{index}]", _absent(lookup)))
    if absent:
        raise InvalidInputError(f"{_absent(lookup)} ({absent[0].field})", tuple(absent[:_MOST]))
    return rows


def _absent(lookup: Lookup) -> str:
    return f"there are no data of this {lookup.entity}"
