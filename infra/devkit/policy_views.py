"""Deployments for people: who is served, which policies are in force, and what changed when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devkit import plain_yaml
from devkit.policies import changes, editable
from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

    from devkit.screen import Screen

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def show(screen: Screen, current: Mapping[str, Any]) -> None:
    """Who is served of a model, and its policies as YAML."""
    screen.say(f"{current['model']}  revision {current['revision']}", style="bold")
    screen.show(_served(current))
    if share := _rollout(current):
        screen.say(f"release {share}")
    screen.say(f"deadline {current['deadline_ms']} ms, log {current['log_sample']:.4g} of requests")
    screen.say()
    screen.say(plain_yaml.dump(editable(current.get("policies", {}))).rstrip())


def show_difference(screen: Screen, lines: Sequence[str]) -> None:
    """The lines of a diff, in colour where there is some."""
    for line in lines:
        screen.note(line) if screen.machine else screen.say(line, style=_STYLES.get(line[0], ""))


def history_table(history: Sequence[Mapping[str, Any]], most: int) -> Table:
    """One line for each revision, newest first, with what it changed.

    Args:
        history: Revisions, with one more than are shown where there are more.
        most: How many are shown.
    """
    rows = []
    for place, one in enumerate(history[:most]):
        before = history[place + 1] if place + 1 < len(history) else None
        changed = str(one.get("changed") or "")[:19].replace("T", " ")
        rows.append([str(one["revision"]), changed, _told(one, before), str(one["reason"])])
    return table(["revision", "since", "what changed", "by"], rows)


def _told(one: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    if before is None:
        return f"champion {_version(one['champion'])}"
    lines = [
        f"{role}: {_version(before.get(role))} -> {_version(one.get(role))}"
        for role in ("champion", "last_good")
        if _version(before.get(role)) != _version(one.get(role))
    ]
    old, new = _candidates(before), _candidates(one)
    lines += [f"candidate {version}" for version in new if version not in old]
    lines += [f"no candidate {version}" for version in old if version not in new]
    if (share := _rollout(one)) != _rollout(before):
        lines.append(f"release: {share or 'over'}")
    lines += changes(editable(before.get("policies", {})), editable(one.get("policies", {})))
    return "\n".join(lines) or "servers"


def _served(current: Mapping[str, Any]) -> Table:
    named = [("champion", current["champion"])]
    if current.get("last_good"):
        named.append(("last good", current["last_good"]))
    named += [("candidate", one) for one in current.get("candidates", [])]
    rows = [
        [role, one["ref"]["version"], one["ref"]["runtime"], one["server"]["mode"]]
        for role, one in named
    ]
    return table(["served as", "version", "runtime", "mode"], rows)


def _rollout(deployment: Mapping[str, Any]) -> str:
    """What share a release has for its version; empty where none is under way."""
    rollout = deployment.get("rollout")
    if not rollout:
        return ""
    return f"{rollout['stage']} {100 * rollout['share']:g} % {rollout['version']}"


def _candidates(deployment: Mapping[str, Any]) -> list[str]:
    return [_version(one) for one in deployment.get("candidates", [])]


def _version(served: Mapping[str, Any] | None) -> str:
    return str(served["ref"]["version"]) if served else "nobody"
