"""Caches through the API: shown, warmed and watched, purged."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from devkit.api import advising
from devkit.errors import DevkitError
from devkit.policies import editable
from devkit.screen import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from devkit.api import Api

_POLL = 0.5
_SECONDS = 930.0
_OVER = frozenset({"done", "stopped", "failed"})
_STALE = {409: "Somebody changed the deployment meanwhile; the same command again purges."}

Plain = dict[str, Any]


def show(api: Api, model: str) -> Plain:
    """How the cache of a model does."""
    found: Plain = api.get(_path(model))
    return found


def warm(api: Api, model: str, asked: Plain, *, told: Callable[[Plain], None]) -> Plain:
    """Warm a cache and wait until that is over.

    Args:
        api: Of the stack.
        model: Name of the model.
        asked: What the API is asked.
        told: Told how far it is, again and again.

    Raises:
        DevkitError: it failed, or does not end.
    """
    warm_up: Plain = api.post(f"{_path(model)}/warm", asked)
    deadline = time.monotonic() + _SECONDS
    while warm_up["state"] not in _OVER:
        if time.monotonic() > deadline:
            raise DevkitError("The warm-up does not end.", f"See: servery cache show {model}")
        time.sleep(_POLL)
        warm_up = api.get(f"{_path(model)}/warm/{warm_up['id']}")
        told(warm_up)
    if warm_up["state"] == "failed":
        raise DevkitError(
            f"The warm-up failed: {warm_up['reason']}", "See: servery logs; then the same again."
        )
    return warm_up


def purge(api: Api, model: str) -> Plain:
    """Have a cache forget everything, by the next generation of it; the deployment then.

    Raises:
        DevkitError: there is no cache.
    """
    path = f"/models/{quote(model, safe='')}/deployment"
    current = api.get(f"{path}?limit=1")["current"]
    policies = editable(current.get("policies", {}))
    cache = policies.get("cache")
    if cache is None:
        raise DevkitError(
            f"{model} has no cache.",
            f"Give it one: servery deployment edit {model} --set cache.seconds=3600",
        )
    policies["cache"] = {**cache, "generation": cache.get("generation", 0) + 1}
    body = {
        "revision": current["revision"],
        "policies": policies,
        "reason": "the cache is purged",
        "give_up_online": True,  # what the budget is does not change, whatever it was
    }
    with advising(_STALE):
        deployment: Plain = api.post(path, body)
    return deployment


def progress(warm_up: Plain) -> str:
    """How far a warm-up is, in a few words."""
    if not warm_up["distinct"]:
        return f"{warm_up['read']:,} rows read"
    done = warm_up["known"] + warm_up["predicted"]
    return f"{done:,} of {warm_up['distinct']:,} rows"


def figures(warm_up: Plain) -> list[list[str]]:
    """What a warm-up came to, for a table."""
    where = f"batch {warm_up['batch']}" if warm_up["batch"] else f"log of {warm_up['days']} days"
    lines = [
        ["warm-up", f"{warm_up['state']}, {warm_up['updated'][:19]}"],
        ["from", where],
        ["version", warm_up["version"]],
        ["rows asked", f"{warm_up['read']:,}, {warm_up['distinct']:,} of them distinct"],
        ["rows predicted", f"{warm_up['predicted']:,}"],
        ["coverage", _shares(warm_up["before"], warm_up["coverage"])],
    ]
    for name, said in (
        ("unread", "no cache could answer"),
        ("displaced", "have no place of their own; raise cache.max_entries"),
        ("left_out", "were more than are looked at"),
        ("refused", "the model refused"),
    ):
        if warm_up[name]:
            lines.append([name.replace("_", " "), f"{warm_up[name]:,} rows {said}"])
    if warm_up["reason"]:
        lines.append(["note", warm_up["reason"]])
    return lines


def view_table(view: Plain) -> Table:
    """A cache as a table: its settings, hits, and the last warm-up."""
    cache = view["cache"]
    lines = [["version", view["model_version"]]]
    if cache is None:
        lines.append(["cache", "off"])
    else:
        lines += [[name.replace("_", " "), f"{value:,}"] for name, value in cache.items()]
    log = view["log"]
    lines.append(["requests", f"{log['requests']:,} by the cache, {log['past']:,} past it"])
    if log["ratio"] is not None:
        lines.append(["hit ratio", f"{log['ratio']:.1%}, {log['partial']:,} more in part"])
    if view["warm_up"] is not None:
        lines += [["", ""], *figures(view["warm_up"])]
    return table(["what", view["model"]], lines)


def _shares(before: Plain, after: Plain) -> str:
    said = f"{after['rows']:.1%} of the rows, {after['asked']:.1%} by how often they are asked"
    return f"{said} (before: {before['rows']:.1%}, {before['asked']:.1%})"


def _path(model: str) -> str:
    return f"/models/{quote(model, safe='')}/cache"
