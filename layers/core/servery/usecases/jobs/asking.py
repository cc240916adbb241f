"""Asking a model server for the answers to several jobs at once, or to one alone.

Several go by the verb `infer_many`. One alone goes by `infer`, which every model server speaks,
those too that were published before there were jobs; where a group cannot be asked, its jobs are
asked alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from servery.domain.deployment import Deployment, Served
from servery.domain.manifest import ModelRef
from servery.domain.pairs import check_direct
from servery.errors import ModelServerError, UnavailableError
from servery.ports import Deployments, ModelServers
from servery.usecases.jobs.grouping import Loaded

ROUTE = "job"

_NO_MODEL = 500
_OK, _GONE = 200, 409  # gone: the server is pinned to another model than the record says


class _Item(msgspec.Struct, frozen=True, kw_only=True):
    request_id: str
    body: str
    base64: bool = False


class _Many(msgspec.Struct, frozen=True, kw_only=True):
    ref: ModelRef
    items: list[_Item]
    verb: str = "infer_many"
    route: str = ROUTE


class _One(msgspec.Struct, frozen=True, kw_only=True):
    ref: ModelRef
    request_id: str
    body: str
    base64: bool = False
    verb: str = "infer"
    route: str = ROUTE


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a model server says to one job; a refused input is an answer too.

    Attributes:
        status: The HTTP status that goes with it; 0 where it is deferred.
        body: The complete JSON document, a problem document where the status says so.
        model_version: The version that answered.
        degraded: Whether another version stood in.
        rows: Rows predicted.
        model_ms: Milliseconds that the model took.
        reason: Why there is no prediction; a sentence.
        deferred: Whether the answer found no room beside the others, to be asked for again.
    """

    status: int
    body: str = ""
    model_version: str = ""
    degraded: bool = False
    rows: int = 0
    model_ms: float = 0.0
    reason: str = ""
    deferred: bool = False


class _Replies(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    model_version: str = ""
    degraded: bool = False
    reason: str = ""
    items: list[Reply] = []


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked, and what each job was answered, in their order."""

    deployment: Deployment
    served: Served
    replies: list[Reply]


def ask(
    deployments: Deployments, servers: ModelServers, group: Sequence[Loaded], *, seconds: float
) -> Asked:
    """Ask the champion of a group's model; once more where the record has moved on meanwhile.

    Args:
        deployments: Who answers for which model.
        servers: How they are called.
        group: Jobs of one model.
        seconds: How long an answer may take.

    Raises:
        NotFoundError: nothing of the model is released.
        InvalidInputError: the model has become half of a pair.
        ThrottledError: the platform takes no more calls; nobody was asked.
        UnavailableError: the server cannot be reached, or has no model that it could ask.
        DeadlineExceededError: no answer in time.
        TooLargeError: the event or the answer has more bytes than the platform passes on.
        ModelServerError: the server crashed, or answered what nobody can read.
    """
    model = group[0].job.model
    deployment = deployments.get(model)
    served = deployment.champion
    check_direct(served.ref)
    failure: Exception = ModelServerError("the model server is pinned to another model")
    try:
        replies = _call(servers, served, group, seconds)
        if replies.status != _GONE:
            return Asked(deployment, served, _checked(replies, group))
    except UnavailableError as error:
        failure = error
    deployments.forget(model)
    deployment = deployments.get(model)
    if deployment.champion == served:
        raise failure
    served = deployment.champion
    check_direct(served.ref)
    return Asked(deployment, served, _checked(_call(servers, served, group, seconds), group))


def _call(
    servers: ModelServers, served: Served, group: Sequence[Loaded], seconds: float
) -> _Replies:
    alone = len(group) == 1
    event = _one(served, group[0]) if alone else _many(served, group)
    answer = servers.call(served.server, msgspec.json.encode(event), timeout=seconds)
    try:
        if not alone:
            return msgspec.json.decode(answer, type=_Replies)
        reply = msgspec.json.decode(answer, type=Reply)
    except msgspec.DecodeError as error:
        raise ModelServerError("the model server answered what nobody can read") from error
    status = _GONE if reply.status == _GONE else _OK
    return _Replies(
        status=status, model_version=reply.model_version, degraded=reply.degraded, items=[reply]
    )


def _checked(replies: _Replies, group: Sequence[Loaded]) -> list[Reply]:
    if replies.status >= _NO_MODEL:
        raise UnavailableError(replies.reason or "the model server has no model at the moment")
    if replies.status != _OK or len(replies.items) != len(group):
        raise ModelServerError("the model server does not answer groups")
    version, degraded = replies.model_version, replies.degraded
    return [
        msgspec.structs.replace(reply, model_version=version, degraded=degraded)
        for reply in replies.items
    ]


def _one(served: Served, loaded: Loaded) -> _One:
    return _One(ref=served.ref, request_id=loaded.job.request_id, body=loaded.body)


def _many(served: Served, group: Sequence[Loaded]) -> _Many:
    items = [_Item(request_id=loaded.job.request_id, body=loaded.body) for loaded in group]
    return _Many(ref=served.ref, items=items)
