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


_MOST_MODELS = 10_000


def models(api: Api) -> list[dict[str, Any]]:
    """All models: name, task, owner, champion, its mode, and whether it is behind on code."""
    return api.listed("/models", "models", _MOST_MODELS)


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


def pair(half: Mapping[str, Any]) -> str:
    """With what half of a pair works together, and whether that answers."""
    other = "preprocessor" if half["part"] == "predictor" else "predictor"
    there = half["partner_version"] or "of which nobody serves the half that belongs to it"
    return f"{half['id'][:8]}, with the {other} {half['partner']} {there}"


def show_model(screen: Screen, detail: Mapping[str, Any]) -> None:
    """Who answers for a model, its versions, its last trainings and its last releases."""
    about = detail["model"]
    screen.say(f"{about['name']}  {about['task']}, owner {about['owner']}", style="bold")
    if about["description"]:
        screen.say(about["description"])
    if about["champion"]:
        screen.say(f"answers    {about['champion']} ({about['mode']}, {about['runtime']})")
        screen.say(f"before it  {about['last_good'] or 'nothing'}")
        if about.get("candidates"):
            screen.say(f"beside it  {', '.join(about['candidates'])}")
        screen.say(f"code       {code(about)}")
        if detail.get("pair"):
            screen.say(f"pair       {pair(detail['pair'])}")
    else:
        screen.say(f"Not released yet: servery release {about['name']}")
    screen.say()
    screen.show(_versions(detail["versions"]))
    screen.say()
    screen.show(_trainings(detail["trainings"]))
    if detail["releases"]:
        screen.say()
        screen.show(_releases(detail["releases"]))


def _versions(versions: Iterable[Mapping[str, Any]]) -> Table:
    rows = [
        [v["version"], v["stage"], v["runtime"], metrics(v["metrics"]), v["created"][:10]]
        for v in versions
    ]
    return table(["version", "stage", "runtime", "metrics", "since"], rows, title="Versions")


def _trainings(trainings: Iterable[Mapping[str, Any]]) -> Table:
    rows = [
        [
            t["training_id"],
            t["outcome"],
            f"{t['version']} {t['training']}" if t["version"] else "; ".join(t["reasons"]),
        ]
        for t in trainings
    ]
    return table(["training", "outcome", "as, or why not"], rows, title="Trainings")


def _releases(releases: Iterable[Mapping[str, Any]]) -> Table:
    rows = [
        [_minute(r["started"]), r["kind"], r["state"], r["released_as"] or r["reason"]]
        for r in releases
    ]
    return table(["started", "kind", "state", "as, or why not"], rows, title="Releases")


def metrics(values: Mapping[str, float], most: int = 1) -> str:
    """The first metrics of a version in one cell."""
    return ", ".join(f"{name} {value:.3f}" for name, value in list(values.items())[:most])


def _minute(iso: str) -> str:
    return iso[:16].replace("T", " ")
