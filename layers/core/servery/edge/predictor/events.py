"""What a model server is asked, and the pieces of its answers."""

import base64
import binascii
from http import HTTPStatus
from typing import Annotated, Any

import msgspec

from servery.domain.entities import EntityColumn, KeptSeconds
from servery.domain.manifest import ModelRef
from servery.edge.problem import problem, status_of
from servery.edge.telemetry import log_error
from servery.errors import ConflictError, MalformedError, RejectedError, RetryableError

Answer = dict[str, Any]

MOST_ANSWER_BYTES = 6 * 1024 * 1024 - 16 * 1024
"""What Lambda carries, less the room for what stands around the bodies."""
MOST_ITEMS = 128
encode = msgspec.json.Encoder().encode


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One of many requests that are answered together."""

    request_id: str
    body: str
    base64: bool = False


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a preprocessor hands its features on to: the function to invoke, and the model."""

    function: str
    ref: ModelRef


class KeyedLookup(msgspec.Struct, frozen=True, kw_only=True):
    """The data that a model server looks up by itself: for each record that of one key.

    Attributes:
        keep_s: For how long it may answer from what it has read before, seconds.
        from_lake: Whether data that the table has not got are in the lake.
    """

    entity: str
    columns: list[EntityColumn]
    keys: list[str]
    keep_s: KeptSeconds = 0.0
    from_lake: bool = False


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event: a verb, the model that it is for, and what the verb needs.

    Attributes:
        verb: `infer`, `infer_many`, `hand_on`, `ready`, `metadata`; for `chunk` see there.
        ref: The model.
        request_id: For correlation.
        route: Why this server is asked.
        cache: What the prediction cache did.
        body: The body of the request.
        base64: Whether it is in base64.
        exact: Whether no other version may stand in.
        items: Many requests (infer_many).
        pair: Id of the preprocessor that made the features; empty for a whole model's inputs.
        lookup: What is looked up for the records before they are read (infer).
        then: Who predicts (hand_on).
        seconds: How long the caller waits for both (hand_on).
    """

    verb: str
    ref: ModelRef
    request_id: str = ""
    route: str = "champion"
    cache: str = "off"
    body: str = ""
    base64: bool = False
    exact: bool = False
    items: Annotated[list[Item], msgspec.Meta(max_length=MOST_ITEMS)] = []
    pair: str = ""
    lookup: KeyedLookup | None = None
    then: Next | None = None
    seconds: float = 0.0


def content_of(body: str, *, base64_encoded: bool) -> bytes:
    """The bytes of a body.

    Raises:
        MalformedError: it is not what it says.
    """
    try:
        if base64_encoded:
            return base64.b64decode(body, validate=True)
        return body.encode()
    except (binascii.Error, UnicodeEncodeError, ValueError) as error:
        kind = "base64" if base64_encoded else "UTF-8"
        raise MalformedError(f"the body is not valid {kind}") from error


def carried_size(body: bytes) -> int:
    """Bytes that a body takes in the answer of a Lambda, where it is a string within JSON.

    There every quote takes two bytes, and a backslash is counted with as much as it may take.
    """
    return len(body) + body.count(b'"') + 2 * body.count(b"\\")


def refusal(error: Exception, request_id: str) -> Answer:
    """The answer that says what went wrong, with its status."""
    document = problem(error, request_id=request_id)
    answer: Answer = {
        "status": status_of(error),
        "body": encode(document).decode(),
        "reason": document["detail"],
        "rows": 0,
        "model_ms": 0.0,
    }
    if isinstance(error, ConflictError):
        answer["mismatch"] = True
    return answer


def log_ours(error: Exception, *, request_id: str, route: str) -> None:
    """Log what is ours: faults, and why a model could not be loaded."""
    if isinstance(error, RejectedError):
        return
    told = error.__cause__ if isinstance(error, RetryableError) and error.__cause__ else error
    if not isinstance(told, RejectedError):
        log_error(told, request_id=request_id, route=route)


def is_rejected(answer: Answer) -> bool:
    """Whether an answer says that the caller has to change something."""
    status: int = answer["status"]
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
