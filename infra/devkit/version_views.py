"""Versions beside each other, and what can serve them, on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from devkit.screen import Screen

_MOVES = {
    "Y": "the interface (Y)",
    "Z": "the logic (Z)",
    "data": "the data",
    "split": "the split",
}


def show_diff(screen: Screen, diff: Mapping[str, Any], *, everything: bool) -> None:
    """What is another, in words; then the figures side by side.

    Args:
        screen: Where it is shown.
        diff: As the API has it.
        everything: Also parameters and libraries that are the same.
    """
    sides = [f"{side['version']} {side['training']}" for side in (diff["before"], diff["after"])]
    screen.say(f"{diff['model']}  {sides[0]}  →  {sides[1]}", style="bold")
    if not diff["changes"]:
        screen.say("They are made of the very same: two trainings of one version.")
    else:
        moved = ", ".join(_MOVES[bump] for bump in diff["bumps"])
        screen.say(f"What is another moves {moved}:")
        for change in diff["changes"]:
            screen.say(f"  {change['subject']:<14} {change['said']}")
    _figures(screen, "Metrics on the test rows", diff["metrics"])
    if not diff["same_rows"]:
        note = "They were tested on other rows: a difference of metrics may come from that alone."
        screen.say(note, style="yellow")
    _figures(screen, "Rows", diff["rows"])
    _figures(screen, "Time in ms, size in bytes", diff["latency"])
    _said(screen, "Parameters", diff["parameters"], everything=everything)
    _said(screen, "Libraries", diff["libraries"], everything=everything)


def show_fit(screen: Screen, found: Mapping[str, Any]) -> None:
    """Which versions the deployed libraries can serve; library by library where one cannot."""
    here = ", ".join(f"{name} {version}" for name, version in found["here"].items())
    screen.say(f"{found['model']}  deployed: {here}", style="bold")
    screen.show(
        table(
            ["version", "training", "runtime", "serves now", "can be served"],
            [
                [v["version"], v["training"], v["runtime"], v["role"], "yes" if v["ok"] else "no"]
                for v in found["versions"]
            ],
        )
    )
    for version in found["versions"]:
        if version["ok"]:
            continue
        screen.say()
        screen.say(f"{version['version']} {version['training']}: {version['reason']}".rstrip(": "))
        rows = [[e["library"], e["made_with"], e["here"], e["fits"]] for e in version["libraries"]]
        screen.show(table(["library", "made with", "here", "fits"], rows))


def show_audit(screen: Screen, found: Mapping[str, Any]) -> None:
    """What is in the store and not in the registry, or the other way round."""
    screen.say(f"{found['model']}: {found['artifacts']} artifacts are registered")
    if not found["findings"]:
        screen.say("All are there as they were registered, and nothing else is.")
        return
    rows = [[f["prefix"], f["wrong"], f["said"]] for f in found["findings"]]
    screen.show(table(["where", "what", "which is"], rows))


def _figures(screen: Screen, title: str, figures: Iterable[Mapping[str, Any]]) -> None:
    rows = [
        [f["name"], _number(f["before"]), _number(f["after"]), _change(f["before"], f["after"])]
        for f in figures
    ]
    if rows:
        screen.say()
        screen.show(table(["", "before", "after", "difference"], rows, title=title))


def _said(
    screen: Screen, title: str, said: Iterable[Mapping[str, Any]], *, everything: bool
) -> None:
    rows = [
        [s["name"], _text(s["before"]), _text(s["after"])]
        for s in said
        if everything or s["before"] != s["after"]
    ]
    if rows:
        screen.say()
        screen.show(table(["", "before", "after"], rows, title=title))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"  # noqa: PLR2004


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return ""
    if before == after:
        return "="
    share = f" ({(after - before) / abs(before):+.1%})" if before else ""
    return f"{after - before:+,.6g}{share}"


def _text(value: object) -> str:
    return "" if value is None else str(value)
