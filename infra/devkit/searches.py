"""Searches as a client sees them: started on a spec, looked at, stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from devkit import plain_yaml, specs, training
from devkit.api import advising, api
from devkit.errors import DevkitError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devkit.api import Api
    from devkit.deployments import Deployed

FINAL = ("succeeded", "refused", "failed")


def asked(deployed: Deployed, name: str, **rules: object) -> dict[str, Any]:
    """The spec that is searched, its data in S3.

    Args:
        deployed: Where to.
        name: A YAML file, an example, or a registered model.
        rules: What of the section `search` is to be otherwise; None leaves it.

    Raises:
        UsageError: the spec says nothing about a search.
        DevkitError: there is no such spec, or it breaks a rule.
    """
    path = specs.find(name, Path(name))
    if path is None:
        with api(deployed) as http:
            return with_rules(specs.registered(http, name), **rules)
    spec = with_rules(specs.load(path), **rules)
    bucket = deployed.outputs["ArtifactsBucketName"]
    return specs.upload_data(spec, path.parent, bucket, training.uploader(deployed))


def with_rules(spec: dict[str, Any], **rules: object) -> dict[str, Any]:
    """A spec whose search has other rules; see `asked`."""
    if not spec.get("search"):
        raise UsageError(
            f"The spec of {spec['name']} says nothing about a search.",
            "Give it a section `search` with candidates: infra/examples/diabetes-search.yaml.",
        )
    said = {name: value for name, value in rules.items() if value is not None}
    return {**spec, "search": {**spec["search"], **said}}


def start(http: Api, spec: dict[str, Any]) -> dict[str, Any]:
    """Start a search."""
    record: dict[str, Any] = http.post(_path(spec["name"]), {"spec": spec})
    return record


def listed(http: Api, model: str, limit: int) -> list[dict[str, Any]]:
    """The searches of a model without their trials, the newest first."""
    return http.listed(_path(model), "searches", limit)


def newest(http: Api, model: str) -> str:
    """Id of a model's last search.

    Raises:
        DevkitError: there is none.
    """
    found = listed(http, model, 1)
    if not found:
        raise DevkitError(f"Nothing has been searched for {model}.", "Search: servery search SPEC")
    return str(found[0]["id"])


def get(http: Api, model: str, search: str) -> dict[str, Any]:
    """One search, with all of its trials."""
    return more(http, model, search, [])


def more(http: Api, model: str, search: str, known: list[Mapping[str, Any]]) -> dict[str, Any]:
    """One search, with all of its trials; those that are known already are not asked for again.

    A trial can be over before one with a lower number is. So what is asked for begins behind the
    last number up to which all are known.
    """
    by_number = {trial["number"]: trial for trial in known}
    after = -1
    while after + 1 in by_number:
        after += 1
    while True:
        query = f"?{urlencode({'after': after})}" if after >= 0 else ""
        with advising({404: f"`servery search list {model}` shows the searches there are."}):
            record: dict[str, Any] = http.get(f"{_path(model, search)}{query}")
        by_number.update((trial["number"], trial) for trial in record["trials"])
        if not record.get("next"):
            break
        after = int(record["next"])
    return {**record, "trials": [by_number[number] for number in sorted(by_number)], "next": ""}


def stop(http: Api, model: str, search: str) -> dict[str, Any]:
    """Begin no more trials, and take the best so far."""
    hint = f"See how it ended: servery search show {model} {search}"
    with advising({409: hint}):
        record: dict[str, Any] = http.post(f"{_path(model, search)}/stop", {})
    return record


def resume(http: Api, model: str, search: str) -> dict[str, Any]:
    """Go on with a search that has failed; what was run is not run again."""
    hint = f"Only what has failed is resumed: servery search show {model} {search}"
    with advising({409: hint}):
        record: dict[str, Any] = http.post(f"{_path(model, search)}/resume", {})
    return record


def chosen(record: Mapping[str, Any]) -> str:
    """The spec that a search has chosen, as YAML that can be trained.

    Raises:
        DevkitError: it has chosen nothing.
    """
    if not record.get("winner_spec"):
        raise DevkitError(
            f"The search {record['id']} is {record['state']} and has chosen nothing.",
            f"See: servery search show {record['model']} {record['id']}",
        )
    winner = record["winner"]
    said = f"{record['metric']} {winner['mean']:.6g} over {record['folds']} folds"
    head = [f"# Chosen by {record['id']}: trial {winner['number']}, {said}."]
    if winner["metrics"]:
        tested = ", ".join(f"{name} {value:.6g}" for name, value in winner["metrics"].items())
        head.append(f"# On {winner['test_rows']} test rows: {tested}.")
    return "\n".join([*head, plain_yaml.dump(record["winner_spec"])])


def _path(model: str, search: str = "") -> str:
    path = f"/models/{quote(model, safe='')}/searches"
    return f"{path}/{quote(search, safe='')}" if search else path
