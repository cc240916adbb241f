"""MiniStack with four things that release 1.5.33 lacks.

On AWS a function that raises answers with the name of the exception's class, and a state machine
catches and retries by that name. MiniStack answers `Runtime.HandlerError` whatever was raised; the
class stands only in the traceback, so it is read from there. A process that died raised nothing:
that is `Runtime.ExitError`, which is worth another try.

EventBridge hears from S3 which object was written, but not which version of it.

A number that a template takes from a parameter arrives as a text. As the MaximumConcurrency of one
queue it would stop the deliveries of all queues.

Who may send a message, or publish one, may do so with ten at once: AWS has no action of its own for
SendMessageBatch, PublishBatch and their like. MiniStack asks for one.
"""

from __future__ import annotations

import json
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Execute = Callable[[dict[str, Any], Any, str], dict[str, Any]]
    Limit = Callable[..., int]
    Action = Callable[..., str | None]
    Fire = Callable[..., None]
    Dispatch = Callable[..., Any]

_HEADER = "Traceback (most recent call last):\n"
_RAISED = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)", re.MULTILINE)
_NAMELESS = "Runtime.HandlerError"
_DIED = (
    "Worker process died",
    "Worker returned no response",
    "Worker process exited immediately",  # these two while it came up
    "No JSON init response from worker",
    "[Errno 32] Broken pipe",
)
_version: ContextVar[str | None] = ContextVar("version", default=None)
_TEN_AT_ONCE = {
    f"{action}Batch": action
    for action in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility", "Publish")
}


def raised_class(log: str) -> str | None:
    """Name of the class, without its module, that the last traceback of a log ends with."""
    _, header, trace = log.rpartition(_HEADER)
    found = _RAISED.search(trace) if header else None
    return found.group(1).rpartition(".")[2] if found else None


def naming_errors(execute: Execute) -> Execute:
    """Wrap what runs a function so that an error carries the class that was raised."""

    def run(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:  # noqa: ANN401
        result = execute(function, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict):
            if str(body.get("errorMessage", "")).startswith(_DIED):
                body["errorType"] = "Runtime.ExitError"
            elif body.get("errorType") == _NAMELESS:
                body["errorType"] = raised_class(result.get("log", "")) or _NAMELESS
        return result

    return run


def remembering_version(fire: Fire) -> Fire:
    """Wrap what tells of a written object, so that its version is at hand while it does."""

    def run(*args: Any, version_id: str | None = None, **rest: Any) -> None:  # noqa: ANN401
        token = _version.set(version_id)
        try:
            fire(*args, version_id=version_id, **rest)
        finally:
            _version.reset(token)

    return run


def telling_version(dispatch: Dispatch) -> Dispatch:
    """Wrap what hands on events, so that those of S3 name the version of the object."""

    def run(event: dict[str, Any], *rest: Any) -> Any:  # noqa: ANN401
        version = _version.get()
        if version and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"].setdefault("version-id", version)
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *rest)

    return run


def counting_workers(limit: Limit) -> Limit:
    """Wrap what says how many workers a queue may have, so that the limit is a number."""

    def run(mapping: dict[str, Any], *rest: Any) -> int:  # noqa: ANN401
        scaling = mapping.get("ScalingConfig") or {}
        numbers = {name: int(value) for name, value in scaling.items()}
        return limit({**mapping, "ScalingConfig": numbers}, *rest)

    return run


def permitting_batches(action: Action) -> Action:
    """Wrap what says which action a request needs, so that ten at once need that of one."""

    def run(*request: Any) -> str | None:  # noqa: ANN401 - headers, or parameters and body
        needed = action(*request)
        return _TEN_AT_ONCE.get(needed, needed) if needed else None

    return run


def main() -> None:
    """Run MiniStack in this process; its settings are in the environment."""
    from ministack.app import main as serve  # noqa: PLC0415 - seconds that a test can do without
    from ministack.core import iam_actions  # noqa: PLC0415
    from ministack.services import eventbridge, lambda_svc, s3  # noqa: PLC0415

    lambda_svc._execute_function_warm = naming_errors(lambda_svc._execute_function_warm)  # noqa: SLF001
    lambda_svc._sqs_esm_concurrency = counting_workers(lambda_svc._sqs_esm_concurrency)  # noqa: SLF001
    s3._fire_s3_event = remembering_version(s3._fire_s3_event)  # noqa: SLF001
    eventbridge._dispatch_event = telling_version(eventbridge._dispatch_event)  # noqa: SLF001
    iam_actions._action_from_target = permitting_batches(iam_actions._action_from_target)  # noqa: SLF001
    iam_actions._action_from_query = permitting_batches(iam_actions._action_from_query)  # noqa: SLF001
    serve()


if __name__ == "__main__":
    main()
