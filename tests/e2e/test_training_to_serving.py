"""Releases through shadow and canary, to champion or back, while requests go on."""

from __future__ import annotations

import csv
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import EXAMPLES, Stack, wait_until
from releasing import JUDGING, Releases
from test_lifecycle import rows_of
from trouble import Load

STAGES = {
    "compare": True,
    "tolerance": 0.2,
    "shadow": {"share": 1.0, "seconds": 4},
    "canary": [{"share": 0.2, "seconds": 4}, {"share": 0.6, "seconds": 4}],
    "judging": JUDGING | {"min_requests": 10},
}
CONSTANT = {
    "class": "sklearn.dummy.DummyClassifier",
    "params": {"strategy": "constant", "constant": "virginica"},
}
LONGEST_PETAL = 6.0
"""In centimetres: what the training data of a version has, and the traffic goes beyond."""


def tree(depth: int) -> dict[str, Any]:
    return {"class": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": depth}}


@pytest.fixture(scope="module")
def releases(stack: Stack) -> Releases:
    """Those of a model that has a champion."""
    made = Releases(stack, f"staged-{uuid.uuid4().hex[:6]}")
    first = made.begun(made.trained(release=STAGES)["version"])
    assert made.over(first)["state"] == "succeeded"
    return made


@pytest.fixture(scope="module")
def body() -> dict[str, Any]:
    records, _ = rows_of("iris", 150)
    longest = max(records, key=lambda row: row["petal_length"])
    assert longest["petal_length"] > LONGEST_PETAL
    return {"records": [records[0], records[75], longest]}


def test_no_request_fails_when_a_version_comes_through_shadow_and_canary(
    releases: Releases, body: dict[str, Any]
) -> None:
    before, _ = releases.answering()
    made = releases.trained(estimator=tree(3), release=STAGES)
    with Load(releases.stack, releases.model, body) as load:
        load.go_on(5)
        record = releases.over(releases.begun(made["version"]))
        assert record["state"] == "succeeded", record
        load.wait_for(lambda given: given.version == record["released_as"], 30)

    assert {given.status for given in load.answers} == {200}
    assert [j["judgement"]["verdict"] for j in record["judgements"]] == ["pass"] * 3
    assert {given.version for given in load.answers} == {before, record["released_as"]}
    assert releases.answering() == (record["released_as"], None)


def test_worse_version_is_refused_when_the_gate_compares_it(releases: Releases) -> None:
    before = releases.answering()
    made = releases.trained(estimator=CONSTANT, release=STAGES)
    record = releases.over(releases.begun(made["version"]))
    assert record["state"] == "refused", record
    assert "worse by" in record["reason"]
    assert releases.answering() == before


@pytest.mark.slow
def test_version_that_errs_on_live_traffic_is_rolled_back_at_the_first_canary_step(
    releases: Releases, body: dict[str, Any], tmp_path: Path
) -> None:
    before = releases.answering()
    narrow = narrowed(tmp_path / "iris.csv")
    rules = {name: STAGES[name] for name in ("compare", "tolerance", "canary", "judging")}
    made = releases.trained(data=narrow, release=rules)
    with Load(releases.stack, releases.model, body) as load:
        load.go_on(5)
        record = releases.over(releases.begun(made["version"]))
        seen = len(load.answers)
        wait_until(
            lambda: {g.status for g in load.answers[seen + 10 :][-10:]} == {200},
            seconds=30,
            what="the champion alone answers again",
        )

    assert record["state"] == "rolled_back", record
    assert [(j["stage"], j["share"]) for j in record["judgements"]] == [("canary", 0.2)]
    assert "canary 0.2" in record["reason"]
    (compared,) = [f for f in record["findings"] if f["check"] == "champion"]
    assert (compared["verdict"], compared["champion"] is not None) == ("passed", True)
    assert releases.answering() == before
    # What the champion was asked it has answered; the version alone has refused.
    assert {g.version for g in load.answers if g.status == 200} == {before[0]}
    assert 0 < sum(g.status != 200 for g in load.answers) < len(load.answers) / 2


def narrowed(path: Path) -> dict[str, Any]:
    """The data of iris without its longest petals, which its spec then takes for the longest."""
    data: dict[str, Any] = yaml.safe_load((EXAMPLES / "iris.yaml").read_text())["data"]
    with (EXAMPLES / data["uri"]).open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if float(r["petal_length"]) <= LONGEST_PETAL]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    columns = [
        {**column, "range": [0, LONGEST_PETAL]} if column["name"] == "petal_length" else column
        for column in data["columns"]
    ]
    return {**data, "uri": str(path), "columns": columns}


@pytest.mark.parametrize(("word", "ended"), [("approve", "succeeded"), ("decline", "refused")])
def test_release_goes_by_the_answer_when_a_person_has_to_approve_it(
    releases: Releases, word: str, ended: str
) -> None:
    before, _ = releases.answering()
    made = releases.trained(
        estimator=tree(4 if word == "approve" else 5), release={"approval": ["always"]}
    )
    release = releases.begun(made["version"])
    waiting = releases.reaches(release, "waiting")
    assert waiting["approval"]["why"]
    assert "token" not in str(waiting).lower()

    releases.stack.run("release", word, releases.model, "-m", "looked at by a person")

    record = releases.over(release)
    assert record["state"] == ended, record
    assert record["approval"]["comment"] == "looked at by a person"
    if ended == "refused":
        assert "declined it: looked at by a person" in record["reason"]
        assert releases.answering() == (before, None)
    else:
        assert releases.answering() == (record["released_as"], None)
    late = releases.stack.http.post(
        f"/models/{releases.model}/releases/{release['id']}/approval", json={"approve": True}
    )
    assert late.status_code == 409, late.text


@pytest.mark.slow
def test_champion_answers_alone_when_a_release_is_aborted(
    releases: Releases, body: dict[str, Any]
) -> None:
    before = releases.answering()
    longer = {**STAGES, "shadow": {"share": 1.0, "seconds": 300}}
    made = releases.trained(estimator=tree(6), release=longer)
    release = releases.begun(made["version"])
    releases.in_stage("shadow")

    releases.stack.run("release", "abort", releases.model, "--reason", "wrong data")

    assert releases.answering() == before  # at once, whatever the execution does
    assert releases.stack.infer(releases.model, body).status_code == 200
    record = releases.over(release)
    assert (record["state"], "wrong data" in record["reason"]) == ("aborted", True)
    assert releases.answering() == before
    again = releases.stack.http.post(
        f"/models/{releases.model}/releases/{release['id']}/abort", json={"reason": "again"}
    )
    assert again.status_code == 409, again.text


def test_release_follows_when_a_training_whose_spec_says_so_has_ended(releases: Releases) -> None:
    before = {
        record["id"] for record in releases.stack.listed(f"/models/{releases.model}/releases")
    }
    # Whichever version is champion by now: this is about who asks.
    made = releases.trained(estimator=tree(7), release={"automatic": True, "compare": False})

    def asked() -> dict[str, Any] | None:
        listed = releases.stack.listed(f"/models/{releases.model}/releases")
        return next((record for record in listed if record["id"] not in before), None)

    release = wait_until(asked, seconds=60, what="the training is released")
    record = releases.over(release)
    assert (record["origin"], record["version"]) == ("training", made["version"])
    assert made["version"] in record["because"]
    assert record["state"] == "succeeded", record
    assert releases.answering() == (record["released_as"], None)
