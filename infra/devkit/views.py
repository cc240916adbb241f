"""What the registry knows of models, as tables and as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.table import Table

    from devkit.api import Api
    from devkit.screen import Screen


def models(api: Api) -> list[dict[str, Any]]:
    """All models: name, task, owner, champion, its mode, and whether it is behind on code."""
    listed: list[dict[str, Any]] = api.get("/models")["models"]
    return listed


def model(api: Api, name: str) -> dict[str, Any]:
    """One model: its record, versions, trainings, and who answers for it."""
    detail: dict[str, Any] = api.get(f"/models/{quote(name, safe='')}")
    return detail


def released(listed: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of the models that somebody answers for."""
    return [str(model["name"]) for model in listed if model.get("champion")]


def models_table(listed: Iterable[Mapping[str, Any]]) -> Table:
    """One line for each model."""
    return table(
        ["model", "task", "champion", "mode", "runtime", "code"],
        [
            [
                str(model["name"]),
                str(model.get("task", "")),
                str(model.get("champion") or "not released"),
                str(model.get("mode") or ""),
                str(model.get("runtime") or ""),
                code(model),
            ]
            for model in listed
        ],
    )


def code(model: Mapping[str, Any]) -> str:
    """Whether a model's server runs the deployed code."""
    if not model.get("champion"):
        return ""
    return "behind: servery roll" if model.get("behind") else "current"


def show_model(screen: Screen, detail: Mapping[str, Any]) -> None:
    """Versions, trainings and deployment of one model."""
    screen.show(detail)
