import io
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from devkit import release_views, release_watch, releases
from devkit.api import Api
from devkit.cli import app
from devkit.commands import options
from devkit.errors import DevkitError, LeftAloneError
from devkit.screen import Screen
from rich.console import Console
from typer.testing import CliRunner

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NEW = "1.2.0-dabc1234.sdef5678"
RULES = {
    "shadow": {"seconds": 30},
    "canary": [{"share": 0.1, "seconds": 60}, {"share": 0.5, "seconds": 60}],
}
PLAN = release_views.planned(RULES)


def at(seconds):
    return (START + timedelta(seconds=seconds)).isoformat()


def step(name, seconds, detail=""):
    return {"name": name, "at": at(seconds), "detail": detail}


def judged(stage, share, seconds, verdict="pass", said="within every bound: errors 0.0 %"):
    judgement = {"verdict": verdict, "said": said, "requests": 120, "champion_requests": 1080}
    return {"stage": stage, "share": share, "at": at(seconds), "judgement": judgement}


BEGUN = [step("begin", 1, "attempt 1"), step("gate", 3, "passed"), step("put_up", 9, "predictor:2")]
SHADOWED = [*BEGUN, step("shadow", 10, "1 of the requests for 30 s"), step("judge", 41, "...")]


def release(state="running", *steps, **changes):
    values = {
        "id": "r1",
        "model": "iris",
        "kind": "release",
        "state": state,
        "origin": "command",
        "because": "",
        "version": NEW,
        "released_as": "",
        "steps": list(steps),
        "findings": [],
        "approval": None,
        "judgements": [],
        "reason": "",
        "started": at(0),
        "finished": "",
    }
    return values | changes


WAITING = release(
    "waiting",
    *BEGUN[:2],
    step("ask", 3, "three bad trainings in a row"),
    approval={
        "why": ["three bad trainings in a row"],
        "asked": at(3),
        "until": at(9999),
        "answered": "",
        "decision": None,
        "comment": "",
    },
)
IN_CANARY = release(
    "running",
    *SHADOWED,
    step("canary", 42, "0.1 of the requests for 60 s"),
    judgements=[judged("shadow", 1.0, 41)],
)
CROWNED = release(
    "succeeded",
    *IN_CANARY["steps"],
    step("judge", 103),
    step("canary", 104),
    step("judge", 165),
    step("crown", 167, "champion"),
    judgements=[
        judged("shadow", 1.0, 41),
        judged("canary", 0.1, 103),
        judged("canary", 0.5, 165),
    ],
    released_as=NEW,
    finished=at(170),
)
BROKEN = "the share of failed requests is 15.0 %, the champion's 0.5 %, and 1.5 % is the most"
ROLLED_BACK = release(
    "rolled_back",
    *IN_CANARY["steps"],
    step("judge", 60),
    step("roll_back", 61, BROKEN),
    judgements=[judged("shadow", 1.0, 41), judged("canary", 0.1, 60, "fail", BROKEN)],
    reason=BROKEN,
    because="the accuracy fell below 0.9",
    origin="alarm",
    finished=at(62),
)


def api(*answers):
    given, seen = list(answers), []

    def respond(request):
        seen.append(request)
        answer = given.pop(0) if len(given) > 1 else given[0]
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    http = httpx.Client(transport=httpx.MockTransport(respond), base_url="http://api/prod")
    return Api(http), seen


def screen(*, terminal=False):
    return Screen(console=Console(file=io.StringIO(), width=100, force_terminal=terminal))


def watch(*looks, terminal=False, sleep=lambda _: None):
    caller, _ = api(*looks[1:] or looks)
    shown = screen(terminal=terminal)
    record = release_watch.watch(
        caller,
        looks[0],
        PLAN,
        shown,
        sleep=sleep,
        clock=lambda: START + timedelta(seconds=55),
    )
    return record, shown.console.file.getvalue()


def rows(record, now=55):
    lines = release_views.lines(record, PLAN, START + timedelta(seconds=now))
    return [(line.title, line.state, line.took) for line in lines]


class TestLines:
    def test_stages_are_planned_as_the_spec_says(self):
        assert [(s["stage"], s["share"], s["seconds"]) for s in PLAN] == [
            ("shadow", 1.0, 30),
            ("canary", 0.1, 60),
            ("canary", 0.5, 60),
        ]
        assert release_views.planned({}) == []
        assert release_views.planned({"shadow": None, "canary": [{"share": 0.2}]}) == [
            {"stage": "canary", "share": 0.2, "seconds": 300}
        ]

    def test_what_was_is_and_will_be_stands_in_its_order(self):
        assert rows(IN_CANARY) == [
            ("begin", "done", "1.0 s"),
            ("gate", "done", "2.0 s"),
            ("put up", "done", "6.0 s"),
            ("shadow 100 %", "done", "31 s"),
            ("canary 10 %", "now", "13 of 60 s"),
            ("canary 50 %", "ahead", "60 s"),
            ("champion", "ahead", ""),
        ]

    def test_nothing_is_ahead_when_it_has_ended(self):
        assert rows(CROWNED)[-2:] == [("canary 50 %", "done", "61 s"), ("crown", "done", "2.0 s")]
        assert rows(ROLLED_BACK)[-2:] == [
            ("canary 10 %", "failed", "18 s"),
            ("roll back", "failed", "1.0 s"),
        ]

    def test_stage_was_not_judged_when_it_was_stopped_meanwhile(self):
        stopped = IN_CANARY | {"state": "aborted", "finished": at(50)}
        assert rows(stopped)[-1] == ("canary 10 %", "failed", "8.0 s")

    def test_gate_has_failed_when_it_refused(self):
        findings = [{"check": "champion", "verdict": "refused", "said": "worse"}]
        record = release("refused", *BEGUN[:2], findings=findings, finished=at(4))
        assert rows(record)[-1] == ("gate", "failed", "2.0 s")

    @pytest.mark.parametrize(
        ("decision", "state"),
        [(None, "waiting"), ("approved", "done"), ("declined", "failed"), ("expired", "failed")],
    )
    def test_a_persons_answer_is_a_line_of_its_own(self, decision, state):
        answered = at(33) if decision else ""
        approval = WAITING["approval"] | {"decision": decision, "answered": answered}
        found = release_views.lines(WAITING | {"approval": approval}, [], START)[-2]
        assert (found.title, found.state) == ("approval", state)
        assert found.detail == (decision or "three bad trainings in a row")

    def test_stages_are_known_without_a_plan(self):
        found = release_views.lines(CROWNED, [], START)
        assert [line.title for line in found if "%" in line.title] == [
            "shadow 100 %",
            "canary 10 %",
            "canary 50 %",
        ]

    def test_headline_says_how_it_ended(self):
        assert release_views.headline(CROWNED) == (
            f"Release r1 of iris {NEW} is over: {NEW} is champion"
        )
        assert release_views.headline(ROLLED_BACK).endswith("was rolled back")
        assert release_views.reasons(ROLLED_BACK)[0] == (
            "Started by an alarm: the accuracy fell below 0.9"
        )


class TestWatch:
    def test_each_thing_is_told_once_when_nobody_sits_at_a_terminal(self):
        record, text = watch(IN_CANARY, IN_CANARY, CROWNED)
        told = text.splitlines()
        assert record["state"] == "succeeded"
        assert sum("canary 10 %" in line for line in told) == 2  # begun, and done
        assert sum("shadow 100 %" in line for line in told) == 1
        assert told[-1] == f"Release r1 of iris {NEW} is over: {NEW} is champion"

    def test_reason_is_the_last_word_when_it_was_rolled_back(self):
        _, text = watch(ROLLED_BACK)
        assert text.splitlines()[-1].strip() == BROKEN
        assert "✗ canary 10 %" in text

    def test_how_to_answer_is_said_when_it_waits(self):
        _, text = watch(WAITING, WAITING, CROWNED)
        assert text.count("servery release approve iris r1") == 1
        assert "? approval" in text

    def test_terminal_is_drawn_anew_and_left_with_the_whole(self):
        _, text = watch(IN_CANARY, CROWNED, terminal=True)
        assert "13 of 60 s" in text
        assert text.rstrip().splitlines()[-1].find("is champion") > 0

    def test_release_goes_on_when_somebody_leaves(self):
        def interrupted(_):
            raise KeyboardInterrupt

        with pytest.raises(LeftAloneError) as caught:
            watch(IN_CANARY, sleep=interrupted)
        assert "servery release watch iris r1" in caught.value.hint


class TestAsking:
    def test_newest_is_meant_when_no_id_is_given(self):
        caller, seen = api({"releases": [CROWNED], "next": ""})
        assert releases.found(caller, "iris", None, open_only=False)["id"] == "r1"
        assert seen[0].url.params["limit"] == "1"

    def test_one_under_way_is_meant_when_it_is_to_be_answered(self):
        caller, _ = api({"releases": [CROWNED, WAITING | {"id": "r0"}], "next": ""})
        assert releases.found(caller, "iris", None, open_only=True)["id"] == "r0"

    def test_sentence_when_nothing_is_under_way(self):
        caller, _ = api({"releases": [CROWNED], "next": ""})
        with pytest.raises(DevkitError, match="No release of iris is under way"):
            releases.found(caller, "iris", None, open_only=True)

    def test_stages_are_those_of_the_models_spec(self):
        caller, _ = api({"spec": {"release": RULES}})
        assert releases.plan_of(caller, "iris") == PLAN
        caller, _ = api({"spec": {}})
        assert releases.plan_of(caller, "iris") == []

    @pytest.mark.parametrize(
        ("state", "said"),
        [
            ("refused", "was refused: too bad"),
            ("rolled_back", "was rolled back: too bad"),
            ("aborted", "was stopped: too bad"),
            ("failed", "failed: too bad"),
        ],
    )
    def test_how_it_ended_is_said_when_it_is_waited_for(self, state, said):
        ended = httpx.Response(202, json=release(state, reason="too bad"))
        caller, _ = api(ended, release(state, reason="too bad"))
        with pytest.raises(DevkitError, match=said):
            releases.release(caller, "iris")

    def test_what_to_do_is_said_when_it_waits_for_a_person(self):
        caller, _ = api(httpx.Response(202, json=WAITING), WAITING)
        with pytest.raises(DevkitError, match="three bad trainings in a row") as caught:
            releases.release(caller, "iris")
        assert caught.value.hint.startswith("Say servery release approve iris r1")


class TestCommands:
    @pytest.fixture
    def run(self, monkeypatch):
        def run(*words, answers):
            caller, seen = api(*answers)
            monkeypatch.setattr(options, "api", lambda _: _Opened(caller))
            monkeypatch.setattr(options, "deployed", lambda _: None)
            return CliRunner().invoke(app, ["release", *words]), seen

        return run

    def test_model_is_released_when_it_stands_where_a_command_would(self, run):
        result, seen = run(
            "iris", "--mode", "load", answers=[httpx.Response(202, json=CROWNED), CROWNED]
        )
        assert result.exit_code == 0
        assert json.loads(seen[0].content) == {"kind": "release", "mode": "load"}
        assert seen[0].url.path == "/prod/models/iris/releases"

    def test_model_is_released_that_is_named_like_a_command(self, run):
        _, seen = run("start", "watch", answers=[httpx.Response(202, json=CROWNED), CROWNED])
        assert seen[0].url.path == "/prod/models/watch/releases"

    @pytest.mark.parametrize(("record", "status"), [(CROWNED, 0), (ROLLED_BACK, 1)])
    def test_status_is_by_the_outcome_when_it_is_watched(self, run, record, status):
        answers = [{"releases": [record], "next": ""}, {"spec": {"release": RULES}}]
        result, _ = run("watch", "iris", answers=answers)
        assert result.exit_code == status

    def test_record_is_for_machines_when_they_watch(self, run):
        answers = [CROWNED, {"spec": {}}]
        result, _ = run("watch", "iris", "r1", "--json", answers=answers)
        assert json.loads(result.stdout)["state"] == "succeeded"

    @pytest.mark.parametrize(("word", "approve"), [("approve", True), ("decline", False)])
    def test_answer_is_sent_with_its_comment(self, run, word, approve):
        answers = [{"releases": [WAITING], "next": ""}, WAITING]
        result, seen = run(word, "iris", "--comment", "looked at it", answers=answers)
        assert (result.exit_code, seen[1].url.path) == (0, "/prod/models/iris/releases/r1/approval")
        assert json.loads(seen[1].content) == {"approve": approve, "comment": "looked at it"}

    def test_reason_is_sent_when_a_release_is_stopped(self, run):
        answers = [IN_CANARY, IN_CANARY | {"state": "aborted"}]
        result, seen = run("abort", "iris", "r1", "--reason", "wrong data", answers=answers)
        assert (result.exit_code, seen[1].url.path) == (0, "/prod/models/iris/releases/r1/abort")
        assert json.loads(seen[1].content) == {"reason": "wrong data"}

    def test_releases_are_listed_and_shown(self, run):
        result, _ = run("list", "iris", answers=[{"releases": [ROLLED_BACK], "next": ""}])
        assert "rolled_back" in result.stdout
        result, _ = run("show", "iris", "r1", answers=[ROLLED_BACK, {"spec": {"release": RULES}}])
        assert result.exit_code == 0
        assert "canary 10 %" in result.stdout


class _Opened:
    def __init__(self, caller):
        self._caller = caller

    def __enter__(self):
        return self._caller

    def __exit__(self, *_):
        return None


def test_figures_are_shown_when_a_stage_goes_on():
    so_far = judged("canary", 0.1, 50, "unknown", "12 requests so far, 50 are needed")
    watched = {**IN_CANARY, "seen": so_far}
    lines = release_views.lines(watched, PLAN, datetime.fromisoformat(at(55)))
    (now,) = [line for line in lines if line.state == release_views.NOW]
    assert now.detail == "so far: 12 requests so far, 50 are needed"
