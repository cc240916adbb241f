"""The story that a newcomer can run: a model's life in six acts, and not one failed request."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from conftest import ROOT, SERVERY, Stack

pytestmark = pytest.mark.slow
SECONDS = 1800


@pytest.fixture(scope="module")
def lived(stack: Stack) -> dict[str, Any]:
    """What `servery demo --lifecycle --json` says."""
    done = subprocess.run(
        [str(SERVERY), "demo", "--lifecycle", "--json"],
        env={**os.environ, "SERVERY_INSTANCE": stack.instance},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
    return dict(json.loads(done.stdout))


def parts_of(lived: dict[str, Any], name: str) -> list[tuple[str, float]]:
    """Which parts a version had, one after the other, with its share."""
    timeline = lived["timeline"]
    versions = {v for v, called in timeline["names"].items() if called == name}
    found = [s for s in timeline["stretches"] if s["version"] in versions]
    return [(s["part"], s["share"]) for s in sorted(found, key=lambda s: s["since"])]


def marks_of(lived: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """What happened of one kind."""
    return [mark for mark in lived["timeline"]["marks"] if mark["kind"] == kind]


def named(lived: dict[str, Any], mark: dict[str, Any]) -> str:
    """What the story calls the version of a mark."""
    return str(lived["timeline"]["names"][mark["version"]])


def test_no_request_fails_when_a_model_lives_its_life(lived: dict[str, Any]) -> None:
    assert lived["failures"] == []
    assert lived["failed"] == 0
    assert lived["requests"] > 300
    assert lived["labels"] == lived["requests"]


def test_champion_comes_through_shadow_and_canary_when_it_is_better(lived: dict[str, Any]) -> None:
    served = [part for part in parts_of(lived, "forest") if part[0] != "stands by"]

    assert served[:4] == [("shadow", 1.0), ("canary", 0.25), ("canary", 0.5), ("champion", 1.0)]


def test_gate_refuses_when_a_version_is_worse(lived: dict[str, Any]) -> None:
    (mark,) = marks_of(lived, "refused")

    assert named(lived, mark) == "stump"
    assert "f1_macro" in mark["said"]
    assert not {part for part, _ in parts_of(lived, "stump")} & {"canary", "champion", "shadow"}


def test_first_step_of_the_canary_ends_it_when_a_version_errs(lived: dict[str, Any]) -> None:
    (mark,) = marks_of(lived, "rolled back")

    assert named(lived, mark) == "mixed up"
    assert [part for part in parts_of(lived, "mixed up") if part[0] != "stands by"] == [
        ("canary", 0.25)
    ]


def test_retrained_version_wins_when_the_traffic_has_drifted(lived: dict[str, Any]) -> None:
    (shifted,), alarms = marks_of(lived, "traffic shifts"), marks_of(lived, "alarm")
    seconds = lived["timeline"]["seconds"]
    served = parts_of(lived, "retrained")

    assert [named(lived, alarm) for alarm in alarms] == ["forest"]
    assert shifted["at"] < alarms[0]["at"]
    assert ("canary", 0.25) in served
    assert served[-1] == ("champion", 1.0)
    drifted = seconds[int(shifted["at"]) + 1 : int(alarms[0]["at"])]
    assert right(seconds[-6:]) > right(drifted) + 0.1


def test_version_goes_when_nobody_asks_it(lived: dict[str, Any], stack: Stack) -> None:
    (mark,) = marks_of(lived, "retired")

    assert named(lived, mark) == "tree"
    served = stack.deployment(lived["model"])
    assert mark["version"] not in {
        served["champion"]["ref"]["version"],
        served["last_good"]["ref"]["version"],
    }
    gone = stack.infer(lived["model"], {"records": [{}]}, version=mark["version"])
    assert gone.status_code == 404


def test_picture_shows_everybody_when_the_story_is_over(lived: dict[str, Any]) -> None:
    picture = ET.fromstring(Path(lived["picture"]).read_text())  # noqa: S314 - our own

    said = {element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert {"tree", "forest", "stump", "mixed up", "retrained"} <= said


def right(seconds: list[dict[str, Any]]) -> float:
    """Share of right answers."""
    answered = sum(sum(second["answered"].values()) for second in seconds)
    return float(sum(second["right"] for second in seconds)) / answered
