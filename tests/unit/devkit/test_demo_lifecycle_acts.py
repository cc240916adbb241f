from datetime import UTC, datetime
from io import StringIO

import pytest
from devkit import demo_lifecycle_acts as acts
from devkit import demo_lifecycle_cast as cast
from devkit.demo_lifecycle_release import released
from devkit.demo_lifecycle_stage import Stage
from devkit.demo_lifecycle_timeline import Asked, Kind, Part
from devkit.demo_lifecycle_traffic import Rows
from devkit.errors import DevkitError
from devkit.screen import Screen
from rich.console import Console

OLD, NEW = "1.1.0-d1.s1", "2.1.1-d1.s1"
TRAINED = {"version": "0.1.1-d1.s1", "training": "tr0"}


class FakeTraffic:
    """Callers who have three more answers whenever somebody looks."""

    def __init__(self):
        self.rows = Rows([({}, "")])
        self._asked = []

    def began(self, at):
        self.at = at

    @property
    def asked(self):
        self._asked += [Asked(1.0, 0.02, 200, OLD, right=True)] * 3
        return self._asked


class FakeApi:
    """Answers by path; of a list one after the other, the last one again and again."""

    def __init__(self, **answers):
        self.answers, self.posted = answers, []

    def get(self, path):
        name = path.removeprefix("/models/wine").strip("/").replace("/", "_")
        found = self.answers[name]
        if not isinstance(found, list):
            return found
        return found.pop(0) if len(found) > 1 else found[0]

    def post(self, path, body):
        self.posted.append(path)
        return {}

    def listed(self, path, name, limit):
        return self.get(path)[name]


class FakeStack:
    """Invokes functions, and keeps with what."""

    def __init__(self):
        self.target, self.invoked = self, []
        self.functions = {"MonitoringRetireFunction": "servery-retire"}

    def client(self, service):
        assert service == "lambda"
        return self

    def invoke(self, **call):
        self.invoked.append(call)


def a_revision(champion, number=1, **more):
    changed = datetime.now(UTC).isoformat()
    return {
        "revision": number,
        "changed": changed,
        "champion": {"ref": {"version": champion}},
        **more,
    }


def a_deployment(champion, *before):
    current = a_revision(champion)
    return {"current": current, "history": [current, *before]}


def a_release(state="succeeded", **more):
    base = {"id": "r-1", "version": TRAINED["version"], "training": "tr0", "state": state}
    return {**base, "reason": "", "steps": [], "judgements": [], **more}


@pytest.fixture
def shown():
    return StringIO()


@pytest.fixture
def stage(shown):
    screen = Screen(console=Console(file=shown, width=120))

    def made(**answers):
        api = FakeApi(**answers)
        return Stage(FakeStack(), api, screen, "wine", FakeTraffic(), sleep=lambda _: None)

    return made


def test_each_step_is_told_once_when_a_release_is_watched(stage, shown):
    judged = {"stage": "shadow", "share": 1.0, "judgement": {"verdict": "pass", "said": "fine"}}
    first = {"name": "gate", "detail": "passed"}
    running = a_release("running", steps=[first])
    ended = a_release(steps=[first, {"name": "judge"}, {"name": "crown"}], judgements=[judged])
    played = stage(
        releases=[{"releases": []}, {"releases": [running]}],
        **{"releases_r-1": [running, running, ended]},
        deployment=a_deployment(NEW),
    )

    record = released(played, TRAINED, "forest")

    lines = [line.split()[2] for line in shown.getvalue().splitlines()]
    assert lines == ["release", "gate", "shadow", "crown"]
    assert record["met"] == TRAINED["version"]


def test_version_is_called_what_callers_met_when_it_was_rolled_back(stage):
    rollout = {"release": "r-1", "version": NEW, "stage": "canary", "share": 0.25}
    played = stage(
        releases={"releases": [a_release("rolled_back")]},
        **{"releases_r-1": a_release("rolled_back")},
        deployment=a_deployment(OLD, a_revision(OLD, rollout=rollout)),
    )

    assert released(played, TRAINED, "mixed up")["met"] == NEW
    assert played.names[NEW] == "mixed up"


def test_drift_is_told_from_the_shift_to_the_new_champion_when_it_comes(stage):
    alarm = {"finding": {"kind": "input_drift", "said": "proline"}, "since": "2026-03-01T12:00:00Z"}
    other = {"finding": {"kind": "accuracy", "said": "worse"}, "since": "2026-03-01T12:00:00Z"}
    start = {"decision": "started", "training_id": "t-1", "because": "drift"}
    run = {**TRAINED, "training_id": "t-1", "outcome": "registered", "metrics": {"f1_macro": 0.9}}
    rollout = {"release": "r-1", "version": NEW, "stage": "canary", "share": 0.25}
    played = stage(
        deployment=[a_deployment(OLD), a_deployment(NEW, a_revision(OLD, rollout=rollout))],
        watch=[{"open": []}, {"open": [other, alarm]}],
        retrainings=[{"retrainings": [{"decision": "limited"}]}, {"retrainings": [start]}],
        trainings=[{"trainings": []}, {"trainings": [run]}],
        releases={"releases": [a_release()]},
        **{"releases_r-1": a_release()},
    )

    acts.drifting(played)

    assert played.traffic.rows.shift == cast.SHIFT
    assert [(mark.kind, mark.version) for mark in played.marks] == [
        (Kind.SHIFTED, ""),
        (Kind.ALARM, OLD),
    ]
    assert played.marks[1].said == "proline"
    assert played.names[NEW] == cast.RETRAINED
    assert played.http.posted[0] == "/models/wine/looks"


def test_story_says_what_went_otherwise_when_the_retraining_is_refused(stage):
    alarm = {"finding": {"kind": "accuracy", "said": "worse"}, "since": "2026-03-01T12:00:00Z"}
    start = {"decision": "started", "training_id": "t-1", "because": "drift"}
    run = {"training_id": "t-1", "outcome": "refused", "reasons": ["too few rows"]}
    played = stage(
        deployment=a_deployment(OLD),
        watch={"open": [alarm]},
        retrainings={"retrainings": [start]},
        trainings={"trainings": [run]},
    )

    with pytest.raises(DevkitError, match="training is refused: too few rows"):
        acts.drifting(played)


def test_unused_version_goes_when_it_is_looked_at_often_enough(stage):
    gone = "2026-03-01T12:00:00+00:00"
    record = {"version": OLD, "because": "nobody", "gone": gone}
    other = {"version": NEW, "retired": {"version": NEW, "stage": "gone"}}
    steps = [{"versions": [other, {"version": OLD, "retired": None}]}]
    for name in ("out", "unserved", "gone"):
        prospect = {"version": OLD, "retired": {**record, "stage": name}}
        steps.append({"versions": [other, prospect]})
    played = stage(retirements=steps)
    played.call(OLD, cast.TREE.name)
    played.call(NEW, cast.FOREST.name)

    acts.retired(played)

    assert [(mark.kind, mark.version, mark.said) for mark in played.marks] == [
        (Kind.RETIRED, OLD, "nobody")
    ]
    assert len(played.deployed.invoked) == 4
    assert {call["Payload"] for call in played.deployed.invoked} == {'{"model": "wine"}'}


def test_sentence_says_so_when_something_never_comes(stage):
    clock = iter([0.0, 1e6])
    played = stage()
    played.monotonic = lambda: next(clock)

    with pytest.raises(DevkitError, match="in vain: the tide"):
        played.wait(lambda: None, "the tide")


def test_timeline_has_parts_names_and_figures_when_it_is_asked_for(stage):
    rollout = {"release": "r-1", "version": NEW, "stage": "canary", "share": 0.25}
    played = stage(deployment=a_deployment(OLD, a_revision(OLD, 0, rollout=rollout)))
    played.call(OLD, "tree")
    with played.act("Nothing happens"):
        played.mark(Kind.REFUSED, "worse", "0.1.2-d1.s1")

    found = played.timeline()

    assert found.names[OLD] == "tree"
    assert "0.1.2-d1.s1" in found.names
    assert {stretch.part for stretch in found.stretches} <= {Part.CHAMPION, Part.CANARY}
    assert found.failed == 0
    assert [act.title for act in found.acts] == ["Nothing happens"]
