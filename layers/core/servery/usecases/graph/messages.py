"""What a model server is sent for a hop, and what it answers."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from servery.domain.deployment import Deployment
from servery.domain.entities import EntityColumn
from servery.domain.manifest import ModelRef

ROUTE = "graph"


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a preprocessor hands its features on to."""

    function: str
    ref: ModelRef


class Keyed(msgspec.Struct, frozen=True, kw_only=True):
    """What a model server looks up by itself: the columns, and a key for each record.

    Attributes:
        keep_s: As in `Lookup`.
        from_lake: As in `Lookup`.
    """

    entity: str
    columns: list[EntityColumn]
    keys: list[str]
    keep_s: float = 0.0
    from_lake: bool = False


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """The event of a model server.

    Attributes:
        verb: `infer`, or `hand_on` for a pair in a line.
        pair: The pair whose features these are.
        lookup: What the server looks up before it reads the records.
        then: Who predicts from the features that this one makes.
        seconds: How long both of them have.
    """

    ref: ModelRef
    request_id: str
    body: str
    exact: bool
    verb: str = "infer"
    route: str = ROUTE
    cache: str = "off"
    pair: str | UnsetType = UNSET
    lookup: Keyed | UnsetType = UNSET
    then: Next | UnsetType = UNSET
    seconds: float | UnsetType = UNSET


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a model server.

    Attributes:
        pair: The pair that it is a half of; empty for a whole model.
        preprocessor_version: Of a pair in a line, whose version `model_version` is not.
        preprocess_ms: Milliseconds that the preprocessor took.
        hop: Which half a status other than 200 comes from, in a line.
        mismatch: Whether the server is pinned to another model than it was asked for.
    """

    status: int
    body: str = ""
    model_version: str = ""
    model_ms: float = 0.0
    degraded: bool = False
    reason: str = ""
    pair: str = ""
    preprocessor_version: str = ""
    preprocess_ms: float = 0.0
    hop: str = ""
    mismatch: bool = False


class Body(msgspec.Struct, frozen=True):
    """The document of a reply that is an answer."""

    predictions: list[dict[str, Any]]


class Wrong(msgspec.Struct, frozen=True):
    """A field that a model refuses, and why."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True):
    """The document of a reply that refuses."""

    errors: list[Wrong] = []


def use_types_once() -> None:
    """Each type before any thread does: msgspec makes what it needs of a type on first use."""
    msgspec.json.decode(b'{"status":0}', type=Reply)
    msgspec.json.decode(b'{"predictions":[]}', type=Body)
    msgspec.json.decode(b'{"errors":[{"field":"","message":""}]}', type=Problem)
    for kind in (Call, ModelRef, Deployment):
        try:
            msgspec.json.decode(b"{}", type=kind)
        except msgspec.ValidationError:
            continue
