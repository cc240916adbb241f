"""The watch on the deployed stack: traffic like the training, traffic that is not, and silence."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Stack, wait_until
from listening import subscribed
from test_lifecycle import rows_of

pytestmark = pytest.mark.needs("firehose_dynamic_partitioning")

ROWS, ENOUGH = 20, 60
SHORT = {"shortest_hours": 0.01, "window_hours": 0.02, "min_samples": 40}  # 36 and 72 seconds
SLOW = ["latency"]  # a machine with other things to do is no finding


@pytest.fixture
def messages(stack: Stack) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the topic of alarms was told since the test began."""
    topic = stack.status["outputs"]["AlertsTopicArn"]
    with subscribed(stack.client("sns"), stack.client("sqs"), topic) as so_far:
        yield so_far


@pytest.fixture(scope="module")
def flowers() -> list[dict[str, Any]]:
    """All of them, in the order of their classes."""
    return rows_of("iris", 150)[0]


def served(stack: Stack, **monitor: Any) -> str:
    """A model of flowers of its own, in service, watched by these rules."""
    spec = stack.spec("iris", name=f"watched-{uuid.uuid4().hex[:6]}")
    spec["monitor"] = {**spec["monitor"], **SHORT, "off": SLOW, **monitor}
    trained = stack.train(spec)
    released = stack.release(spec["name"], version=trained["version"], **{"as": "champion"})
    assert released["state"] == "succeeded", released
    return str(spec["name"])


def ask(stack: Stack, model: str, rows: list[dict[str, Any]], *, seed: int) -> None:
    """Requests of a few of these rows each."""
    drawn = random.Random(seed)  # noqa: S311 - rows of a test
    for _ in range(ENOUGH):
        answer = stack.infer(model, {"records": drawn.sample(rows, ROWS)})
        assert answer.status_code == 200, answer.text


def kinds(view: dict[str, Any]) -> set[str]:
    """What is open."""
    return {alarm["finding"]["kind"] for alarm in view["open"]}


@pytest.mark.slow
def test_alarm_opens_is_told_once_and_closes_when_the_traffic_changes_and_changes_back(
    stack: Stack,
    events: Callable[[str], list[dict[str, Any]]],
    messages: Callable[[], list[dict[str, Any]]],
    flowers: list[dict[str, Any]],
    tmp_path: Path,
) -> None:
    model = served(stack)
    ask(stack, model, flowers, seed=1)
    calm = wait_until(
        lambda: _enough(stack.json("drift", model, "--now"), ENOUGH),
        seconds=60,
        what="the look has seen the requests",
    )
    assert calm["open"] == []
    assert calm["last"]["findings"] == []

    ask(stack, model, flowers[100:], seed=2)  # virginica alone

    def alarmed() -> dict[str, Any] | None:
        view = dict(stack.json("drift", model, "--now"))
        return view if "input_drift" in kinds(view) else None

    drifted = wait_until(alarmed, seconds=60, what="the drift is found")
    subjects = {a["finding"]["subject"] for a in drifted["open"]}
    assert "petal_length" in subjects
    told = wait_until(
        lambda: [e for e in events(model) if e["detail-type"] == "Model alarm"],
        seconds=30,
        what="the event is out",
    )
    detail = next(e["detail"] for e in told if e["detail"]["subject"] == "petal_length")
    assert {"model", "version", "kind", "subject", "severity", "said", "at", "value", "bound"} <= (
        detail.keys()
    )
    assert (detail["kind"], detail["model"]) == ("input_drift", model)
    assert detail["value"] > detail["bound"]
    (mail,) = wait_until(
        lambda: [m for m in messages() if model in m["Subject"]], seconds=30, what="the mail is out"
    )
    assert "infra/playbooks/input-drift.md" in mail["Message"]
    assert detail["said"] in mail["Message"]

    page = tmp_path / "page.html"
    shown = stack.run("drift", model, "--html", str(page)).stdout
    assert "input drift petal_length" in shown
    assert page.read_text().count("<svg") > len(subjects)
    s3, bucket = stack.client("s3"), stack.status["outputs"]["LakeBucketName"]
    kept = s3.get_object(Bucket=bucket, Key=f"{drifted['last']['report']}.html")["Body"].read()
    assert b"petal_length" in kept

    def settled() -> bool:
        """The last lines of the log may come behind the first alarm, and open others."""
        return not stack.json("drift", model, "--now")["last"]["opened"]

    wait_until(settled, seconds=60, what="what is open is not opened again")

    def well() -> bool:
        ask(stack, model, flowers, seed=3)
        return not kinds(stack.json("drift", model, "--now"))

    wait_until(well, seconds=300, what="all alarms are closed")
    closed = wait_until(
        lambda: [e for e in events(model) if e["detail-type"] == "Model alarm closed"],
        seconds=30,
        what="the end is told",
    )
    assert "petal_length" in {event["detail"]["subject"] for event in closed}
    opened = [e["detail"] for e in events(model) if e["detail-type"] == "Model alarm"]
    assert len({each["id"] for each in opened}) == len(opened)
    assert [each["subject"] for each in opened].count("petal_length") == 1


@pytest.mark.slow
def test_silence_is_an_alarm_when_requests_are_due(
    stack: Stack, events: Callable[[str], list[dict[str, Any]]]
) -> None:
    model = served(stack, min_per_hour=200_000)

    def silent() -> bool:
        return "too_few" in kinds(stack.json("drift", model, "--now"))

    wait_until(silent, seconds=90, what="the silence is found")
    wait_until(
        lambda: [e for e in events(model) if e["detail"]["kind"] == "too_few"],
        seconds=30,
        what="the event is out",
    )


def test_all_models_are_looked_at_when_the_clock_strikes(stack: Stack) -> None:
    model = served(stack)
    function = stack.status["functions"]["MonitoringWatchFunction"]
    stack.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
    wait_until(
        lambda: stack.http.get(f"/models/{model}/watch").json()["last"],
        seconds=120,
        what="the model was looked at",
    )


def test_it_is_refused_when_there_is_no_such_model(stack: Stack) -> None:
    assert stack.http.get("/models/nobody/watch").status_code == 404
    assert stack.http.post("/models/nobody/looks").status_code == 404


def _enough(view: dict[str, Any], requests: int) -> dict[str, Any] | None:
    return view if view["last"]["requests"] >= requests else None
