"""A lineage as boxes, from the data on top down to the prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from devkit.graph_boxes import Box
from devkit.graph_layout import Layout, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SHORT = 16
_MOST = 3
_LINES = 6


def layout(lineage: Mapping[str, Any]) -> Layout:
    """Where the boxes lie: data, split, training, version, releases, servers, the request.

    Each release leads to the server that answers under its version; a request that was answered
    by a server that is gone hangs on the release itself.
    """
    levels = [
        [Place("data", _data(lineage["data"]))],
        [Place("split", _split(lineage["split"]))],
        [Place("training", _training(lineage["training"]))],
        [Place("version", _version(lineage["version"]))],
    ]
    arrows = [("data", "split"), ("split", "training"), ("training", "version")]
    above = {"": "version"}
    made = [r for r in lineage["releases"] if r["state"] == "succeeded"]
    parts = (
        ({r["id"]: (r["released_as"], _release(r)) for r in made[-_MOST:]}),
        ({f"{s['role']} {s['version']}": (s["version"], _serving(s)) for s in lineage["serving"]}),
        _request(lineage.get("request")),
    )
    for part in parts:
        if not part:
            continue
        levels.append([Place(key, box) for key, (_, box) in part.items()])
        arrows += [(_from(above, name), key) for key, (name, _) in part.items()]
        above = {"": next(reversed(part)), **{name: key for key, (name, _) in part.items()}}
    return Layout(levels, arrows)


def digests(lineage: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What everything can be checked by, whole: the boxes have the first digits only."""
    version, training = lineage["version"], lineage["training"]
    return [
        ("raw data", lineage["data"]["source_digest"]),
        ("rows", lineage["data"]["dataset"]),
        ("split", lineage["split"]["split"]),
        ("code", training["code"]),
        ("model file", version["digest"]),
        ("manifest", version["manifest_digest"]),
    ]


def _from(above: Mapping[str, str], name: str) -> str:
    """The box above that has the same version, or else the last of them."""
    return above.get(name) or above[""]


def _data(data: Mapping[str, Any]) -> Box:
    rows = []
    if data["rows_read"] is not None:
        rows = [f"{data['rows_read']:,} rows read, {data['rows_rejected'] or 0:,} rejected"]
    return Box("data", "lookup", (data["uri"], *rows), (f"rows {data['dataset'][:_SHORT]}",))


def _split(split: Mapping[str, Any]) -> Box:
    rows = [f"{split['test_fraction']:.0%} for the test, seed {split['seed']}"]
    if split["train_rows"] is not None:
        rows.insert(0, f"{split['train_rows']:,} rows to train, {split['test_rows']:,} to test")
    return Box("split", "preprocessor", tuple(rows), (f"split {split['split'][:_SHORT]}",))


def _training(training: Mapping[str, Any]) -> Box:
    by = "" if training["origin"] == "training" else f"by {training['origin']}"
    does = [training["training_id"], by, training["started"][:19].replace("T", " ")]
    libraries = [f"{n} {v}" for n, v in training["libraries"].items()]
    takes = [
        training["estimator"].rpartition(".")[2],
        *[f"{name} {_value(v)}" for name, v in training["parameters"].items()][:_LINES],
        f"code {training['code'][:_SHORT]}",
        ", ".join(libraries),
    ]
    steps = tuple(Box(name, "model", tuple(_step(s))) for name, s in training["steps"].items())
    return Box("training", "group", _said(does), _said(takes), members=steps)


def _step(step: Mapping[str, Any]) -> Iterator[str]:
    if step["state"] == "skipped":
        yield "unchanged"
        yield f"from {step.get('from', '')}"
    else:
        yield step["state"]
        if step.get("seconds"):
            yield f"{step['seconds']:.1f} s"


def _version(version: Mapping[str, Any]) -> Box:
    said = [change["said"] for change in version["changes"]]
    left = [f"... and {len(said) - _LINES} more"] if len(said) > _LINES else []
    why = [f"after {version['follows']}:", *said[:_LINES], *left] if version["follows"] else []
    pair = f"works with {version['partner']}" if version.get("partner") else ""
    does = [f"{version['version']} {version['training']}", pair]
    made = [f"{version['runtime']}, model {version['digest'][:_SHORT]}"]
    return Box(version["stage"], "model", _said(does), tuple(why), tuple(made))


def _release(release: Mapping[str, Any]) -> Box:
    at = (release["finished"] or release["started"])[:19].replace("T", " ")
    does = (f"as {release['released_as'] or release['kind']}", at)
    return Box(str(release["kind"]), "pair", _said(does))


def _serving(serving: Mapping[str, Any]) -> Box:
    name = serving["function"].rpartition(":function:")[2] or serving["function"]
    does = (serving["version"], name, f"revision {serving['revision']}, {serving['mode']}")
    return Box(serving["role"].replace("_", " "), "answer", does)


def _request(request: Mapping[str, Any] | None) -> dict[str, tuple[str, Box]]:
    if not request:
        return {}
    rows = request["rows"]
    route = [request["route"], f"cache {request['cache']}" if request["cache"] == "hit" else ""]
    does = (
        request["request_id"],
        request["time"][:19].replace("T", " "),
        f"{rows} {'row' if rows == 1 else 'rows'}, {', '.join(filter(None, route))}",
    )
    return {"request": (request["model_version"], Box("prediction", "request", does))}


def _said(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if line)


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
