"""Releases while requests go on: no failed request, nobody answers half-loaded, one wins."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import Stack, wait_until
from test_lifecycle import rows_of

MODEL = "iris-swap"
LIMIT = 5_000


@pytest.fixture(scope="module")
def two_versions(stack: Stack) -> list[dict[str, Any]]:
    """Two trainings whose answers differ: a model that looks, and one that always says one."""
    spec = stack.spec("iris", name=MODEL)
    looking = stack.train(spec)
    spec["estimator"] = {
        "class": "sklearn.dummy.DummyClassifier",
        "params": {"strategy": "constant", "constant": "virginica"},
    }
    spec["gates"] = {}
    constant = stack.train(spec)
    assert looking["outcome"] == constant["outcome"] == "registered", (looking, constant)
    return [looking, constant]


class Traffic:
    """Requests one after the other until told to stop; keeps what came back."""

    def __init__(self, stack: Stack, records: list[dict[str, Any]]) -> None:
        self.answers: list[tuple[int, str, tuple[str, ...]]] = []
        self._stack = stack
        self._records = records
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def wait_for(self, version: str) -> None:
        """Wait until the newest answer is by a version."""
        wait_until(
            lambda: self.answers and self.answers[-1][1] == version,
            seconds=15,
            what=f"the traffic sees {version}",
        )

    def _run(self) -> None:
        while not self._stop.is_set() and len(self.answers) < LIMIT:
            found = self._stack.infer(MODEL, {"records": self._records})
            body = found.json()
            classes = tuple(row["class"] for row in body.get("predictions", []))
            self.answers.append((found.status_code, body.get("model_version", ""), classes))


@pytest.mark.slow
def test_no_request_fails_when_the_champion_is_swapped_under_traffic(
    stack: Stack, two_versions: list[dict[str, Any]]
) -> None:
    looking, constant = two_versions
    records, truth = rows_of("iris", 150)
    picked = [0, 75, 149]
    expected: dict[str, tuple[str, ...]] = {}
    first = stack.release(MODEL, version=looking["version"], mode="load")
    assert first["state"] == "succeeded", first
    expected[first["released_as"]] = tuple(truth[i] for i in picked)
    with Traffic(stack, [records[i] for i in picked]) as traffic:
        for trained, mode in ((constant, "load"), (looking, "image"), (constant, "image")):
            done = stack.release(MODEL, version=trained["version"], mode=mode)
            assert done["state"] == "succeeded", done
            same = trained is constant
            answer = ("virginica",) * 3 if same else tuple(truth[i] for i in picked)
            expected[done["released_as"]] = answer
            traffic.wait_for(done["released_as"])
        back = stack.json("rollback", MODEL)
        traffic.wait_for(back["champion"]["ref"]["version"])

    assert len(traffic.answers) > 20
    assert {status for status, _, _ in traffic.answers} == {200}
    for _, version, classes in traffic.answers:
        assert classes == expected[version], f"{version} answered {classes}"


def test_one_wins_when_two_releases_of_a_model_start_at_once(
    stack: Stack, two_versions: list[dict[str, Any]]
) -> None:
    looking, constant = two_versions
    requests = [{"version": t["version"], "mode": "image"} for t in (looking, constant)]
    with ThreadPoolExecutor(2) as pool:
        # Both environments of the function are there before the race starts.
        list(pool.map(lambda _: stack.http.get("/models/iris-swap"), range(8)))
        answers = list(
            pool.map(lambda r: stack.http.post(f"/models/{MODEL}/releases", json=r), requests)
        )
    statuses = sorted(a.status_code for a in answers)
    assert statuses == [202, 409], [a.text for a in answers]
    loser = next(a for a in answers if a.status_code == 409)
    winner = next(a for a in answers if a.status_code == 202)
    assert winner.json()["id"] in loser.json()["detail"]
    assert loser.headers["content-type"].startswith("application/problem+json")
    assert stack.finished(winner)["state"] == "succeeded"


@pytest.mark.slow
def test_the_champion_goes_on_when_a_new_artifact_is_corrupt(
    stack: Stack, two_versions: list[dict[str, Any]]
) -> None:
    spec = stack.spec("iris", name=MODEL)
    spec["estimator"] = {"class": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 2}}
    spec["gates"] = {}
    trained = stack.train(spec)
    bucket = next(b for k, b in stack.status["buckets"].items() if "rtifact" in k)
    s3 = stack.client("s3")
    prefix = f"models/{MODEL}/{trained['version']}/{trained['training']}/"
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    key = next(o["Key"] for o in listed if o["Key"].rsplit("/", 1)[1].startswith("model."))
    body = bytearray(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    body[len(body) // 2] ^= 0xFF
    s3.put_object(Bucket=bucket, Key=key, Body=bytes(body))
    served = stack.release(MODEL, version=two_versions[0]["version"], mode="load")
    assert served["state"] == "succeeded", served
    before = stack.deployment(MODEL)

    for mode in ("load", "image"):
        failed = stack.release(MODEL, version=trained["version"], mode=mode)
        assert failed["state"] == "failed"
        assert "is not the one that" in failed["reason"]
    assert stack.deployment(MODEL)["champion"] == before["champion"]
    records, _ = rows_of("iris", 1)
    assert stack.infer(MODEL, {"records": records}).status_code == 200


def test_serving_moves_to_new_code_when_rolled(stack: Stack, iris: dict[str, Any]) -> None:
    before = stack.deployment("iris")
    started = stack.http.post("/models/iris/releases", json={"kind": "roll"})
    assert started.status_code == 202, started.text
    rolled = stack.finished(started)
    assert rolled["state"] == "succeeded", rolled
    after = stack.deployment("iris")
    assert after["champion"]["ref"] == before["champion"]["ref"]
    status = stack.json("status")
    assert "iris" in str(status["models"])
