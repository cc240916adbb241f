"""Answers of AWS's JSON services, as boto3 gives them."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from servery.adapters.kept_connections import HttpAnswer

Document = dict[str, Any]

_BINARY = (b'"B":', b'"BS":', b'"B" :', b'"BS" :')


def answer_of(response: HttpAnswer, retries: int) -> Document:
    """An answer: times are times, binary attributes are bytes, and what is null is not there."""
    content = response.data or b""
    answer: Document = msgspec.json.decode(content) if content else {}
    if any(kind in content for kind in _BINARY):
        answer = _with_bytes(answer)
    answer = {name: value for name, value in answer.items() if value is not None}
    for told in (answer, *answer.get("executions", ())):
        for name in ("startDate", "stopDate", "redriveDate"):
            if isinstance(told.get(name), (int, float)):
                told[name] = datetime.fromtimestamp(told[name], UTC)
    answer["ResponseMetadata"] = _metadata(response, retries)
    return answer


def code_of(response: HttpAnswer) -> str:
    """What a service calls the reason of its refusal."""
    return str(refusal_of(response, 0)["Error"]["Code"])


def refusal_of(response: HttpAnswer, retries: int) -> Document:
    """A refusal, as `ClientError` has it: the code, and whatever else the service tells."""
    try:
        told = msgspec.json.decode(response.data, type=Document)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        told = {"message": response.data.decode(errors="replace")}
    message = told.pop("message", None) or told.pop("Message", None) or ""
    kind = str(told.pop("__type", response.status))
    code = kind.partition(":")[0].rpartition("#")[2]
    error = {"Message": message, "Code": code}
    queried, _, by = response.headers.get("x-amzn-query-error", "").partition(";")
    if queried and by:  # SQS keeps the codes of the protocol that it had before
        error |= {"Code": queried, "QueryErrorCode": code, "Type": by}
    return {**_with_bytes(told), "Error": error, "ResponseMetadata": _metadata(response, retries)}


def _metadata(response: HttpAnswer, retries: int) -> Document:
    return {
        "RequestId": response.headers.get("x-amzn-requestid", ""),
        "HTTPStatusCode": response.status,
        "HTTPHeaders": {name.lower(): value for name, value in response.headers.items()},
        "RetryAttempts": retries,
    }


def _with_bytes(told: Any) -> Any:  # noqa: ANN401 - whatever JSON has
    """The same with the binary values of DynamoDB, `{"B": text}` and `{"BS": texts}`, as bytes."""
    if isinstance(told, list):
        return [_with_bytes(each) for each in told]
    if not isinstance(told, dict):
        return told
    if isinstance(told.get("B"), str) and len(told) == 1:
        return {"B": b64decode(told["B"])}
    if isinstance(told.get("BS"), list) and len(told) == 1:
        return {"BS": [b64decode(each) for each in told["BS"]]}
    return {name: _with_bytes(each) for name, each in told.items()}
