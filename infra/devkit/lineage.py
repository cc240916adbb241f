"""From what a version, or a prediction, came: asked of the API and of the prediction log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec

from devkit import views
from devkit.api import ApiError
from devkit.errors import DevkitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from devkit.api import Api
    from devkit.lake import Lake

_ABSENT = 404


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What the prediction log says of one request, but for what was asked and answered."""

    request_id: str
    time: str
    day: str
    model: str
    model_version: str = ""
    training: str = ""
    route: str = ""
    fallback: str = ""
    cache: str = ""
    status: int
    rows: int = 0
    degraded: bool = False


def of_version(
    http: Api, model: str, version: str | None = None, training: str | None = None
) -> dict[str, Any]:
    """The lineage of a version; of the champion, or else the newest one, where none is named.

    Raises:
        ApiError: there is no such version or training.
        DevkitError: nothing of the model is registered.
    """
    return _asked(http, model, version or _default(http, model), training)


def of_request(http: Api, found: Prediction) -> dict[str, Any]:
    """The lineage of a prediction: that of the version that answered, with the request.

    Raises:
        DevkitError: no model answered it.
    """
    if not found.model_version:
        told = f"a fallback ({found.fallback}) answered" if found.fallback else "it was refused"
        raise DevkitError(f"No version answered {found.request_id}: {told}, status {found.status}.")
    # A light model that stood in has a version of its own model.
    others = views.models(http) if found.fallback else []
    for model in dict.fromkeys([found.model, *(m["name"] for m in others)]):
        try:
            lineage = _asked(http, model, found.model_version, found.training or None)
        except ApiError as error:
            if error.status != _ABSENT:
                raise
            continue
        return {**lineage, "request": msgspec.to_builtins(found)}
    raise DevkitError(
        f"{found.model_version} of {found.model} answered, and is not in the registry.",
        f"See what there is: servery models {found.model}",
    )


def find_request(
    lake: Lake, request_id: str, models: Iterable[str], days: Sequence[str]
) -> Prediction:
    """One request in the prediction log.

    Raises:
        DevkitError: there is none of the days and models.
    """
    for model in models:
        for line in lake.read("predictions", model, days, Prediction):
            if line.request_id == request_id:
                return line
    raise DevkitError(
        f"No request {request_id} is in the prediction log of the last {len(days)} days.",
        "The log is written within a minute; --days looks further back. Requests that are not in "
        "the sample (log.sample) are not kept.",
    )


def _asked(http: Api, model: str, version: str, training: str | None) -> dict[str, Any]:
    path = f"/models/{quote(model, safe='')}/versions/{quote(version, safe='')}/lineage"
    query = f"?{urlencode({'training': training})}" if training else ""
    lineage: dict[str, Any] = http.get(f"{path}{query}")
    return lineage


def _default(http: Api, model: str) -> str:
    detail = views.model(http, model)
    newest = [str(version["version"]) for version in detail["versions"]]
    found = str(detail["model"]["champion"]) or next(iter(newest), "")
    if not found:
        raise DevkitError(f"Nothing of {model} is registered yet.", f"servery train {model}")
    return found
