"""`servery deployment ...`: who is served, and the policies in front of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from devkit import editor, plain_yaml, policies, policy_views
from devkit.api import advising
from devkit.command import command
from devkit.commands import options
from devkit.commands.options import Debug, Instance, Json, Limit, Model
from devkit.errors import UsageError

if TYPE_CHECKING:
    from devkit.api import Api
    from devkit.screen import Screen

group = typer.Typer(help="Who is served, and the policies in front.", no_args_is_help=True)
app = typer.Typer()
app.add_typer(group, name="deployment")

_HINTS = {
    409: "Somebody was faster: the same command again makes the change to what is there now.",
    422: "`servery deployment show MODEL` has what is there; infra/policies.schema.json, what may.",
}


@group.command()
def show(
    model: Model, instance: Instance = "demo", as_json: Json = False, debug: Debug = False
) -> None:
    """Show who is served and which policies are in force."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        current = http.get(f"{_path(model)}?limit=1")["current"]
        policy_views.show(screen, current)
        screen.result(current)


@group.command()
def history(
    model: Model,
    limit: Limit = 20,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what changed when, the newest first."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        found = http.listed(_path(model), "history", limit + 1)
        screen.show(policy_views.history_table(found, limit))
        screen.result(found[:limit])


@group.command()
def edit(
    model: Model,
    *,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A single setting, routing.active=false; may be repeated."),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="YAML with all policies.")] = None,
    reason: Annotated[str, typer.Option(help="For the history.")] = "",
    give_up_online: Annotated[
        bool, typer.Option(help="Set an online budget that the champion exceeds all the same.")
    ] = False,
    instance: Instance = "demo",
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Change the policies: in $EDITOR, from a file, or setting by setting; in force in seconds."""
    with command(machine=as_json, debug=debug) as screen, options.api_of(instance) as http:
        if settings and file:
            raise UsageError("--set and --file are two ways.", "Say one of them.")
        current = http.get(f"{_path(model)}?limit=1")["current"]
        before = policies.editable(current.get("policies", {}))
        kept: Path | None = None
        if settings:
            after = policies.with_settings(before, settings)
        elif file:
            after = policies.read(file)
        else:
            text, kept = editor.edited(plain_yaml.dump(before), model)
            after = policies.parse(text, str(kept))
        body = {
            "revision": current["revision"],
            "policies": after,
            "reason": reason,
            "give_up_online": give_up_online,
        }
        screen.result(_sent(http, screen, current, body, kept))


def _sent(
    http: Api, screen: Screen, current: dict[str, Any], body: dict[str, Any], kept: Path | None
) -> dict[str, Any]:
    """Show what changes and have it changed; what was typed in an editor is lost in no case."""
    before = policies.editable(current.get("policies", {}))
    lines = policies.difference(before, body["policies"])
    if not lines:
        screen.say("Nothing changes.")
        _forget(kept)
        return current
    policy_views.show_difference(screen, lines)
    again = f"Correct {kept} and send it: servery deployment edit {current['model']} --file {kept}"
    hints = dict.fromkeys((409, 422), again) if kept else _HINTS
    with advising(hints), screen.phase(f"Change {current['model']}") as phase:
        deployment: dict[str, Any] = http.post(_path(current["model"]), body)
        phase.detail = f"revision {deployment['revision']}, in force within 5 s"
    _forget(kept)
    return deployment


def _forget(kept: Path | None) -> None:
    if kept is not None:
        kept.unlink(missing_ok=True)


def _path(model: str) -> str:
    return f"/models/{quote(model, safe='')}/deployment"
