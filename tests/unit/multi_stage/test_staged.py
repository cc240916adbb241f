"""Two stages over HTTP: the light answer at once, the heavy one as a job, each on its own."""

from __future__ import annotations

import json

import pytest
from fakes.staged_office import HEAVY, LIGHT, ROW, StagedOffice, light_answer, problem_answer
from servery.domain.serving import Limits
from servery.errors import (
    ArtifactError,
    DeadlineExceededError,
    ModelServerError,
    ThrottledError,
    UnavailableError,
)
from servery.usecases.multi_stage.signatures import Signatures

VERSION = "0.1.0-dabc1234.sdef5678"
LONG = {**ROW, "letter": "a" * 900}
BODY = {"records": [ROW, {**ROW, "age": 42}]}


@pytest.fixture
def office() -> StagedOffice:
    return StagedOffice()


def sent(office: StagedOffice) -> dict:
    """What the light model was asked."""
    (asked,) = office.servers.asked
    return dict(json.loads(asked.event["body"]))


class TestBothStages:
    def test_light_answer_and_the_job_of_the_heavy_one_when_both_are_well(self, office):
        reply = office.send(BODY)

        (job,) = office.kept
        assert reply.status == 200
        assert reply.headers["x-model-version"] == VERSION
        assert reply.headers["location"] == f"../../../jobs/{job.id}"
        assert [p["stage"] for p in reply.body["predictions"]] == ["light", "light"]
        assert reply.body["next"] == {
            "stage": "heavy",
            "model": HEAVY,
            "state": "queued",
            "job": job.id,
            "location": f"/jobs/{job.id}",
        }
        said = {k: reply.body[k] for k in ("model", "model_version", "request_id", "served_by")}
        assert said == {
            "model": LIGHT,
            "model_version": VERSION,
            "request_id": "r-1",
            "served_by": "staged",
        }
        assert reply.body["stage"] == "light"
        assert "degraded" not in reply.body
        assert "error" not in reply.body

    def test_each_model_has_its_own_columns_when_they_share_one(self, office):
        office.send(BODY)

        assert sent(office) == {
            "records": [{"age": 41, "stay": 3.5}, {"age": 42, "stay": 3.5}],
        }
        (job,) = office.kept
        assert json.loads(job.body) == {
            "records": [
                {"age": 41, "letter": "short of breath"},
                {"age": 42, "letter": "short of breath"},
            ],
        }

    def test_job_knows_its_stage_and_is_in_the_queue_when_it_is_accepted(self, office):
        office.send(BODY)

        (job,) = office.kept
        assert (job.model, job.stage, job.request_id) == (HEAVY, "heavy", "r-1")
        assert [sent.job_id for sent in office.jobs.queue.sent] == [job.id]
        assert office.jobs.send("GET", f"/jobs/{job.id}").body["stage"] == "heavy"

    def test_numbers_are_passed_on_as_they_were_written_when_no_float_is_quite_them(self, office):
        row = '{"age": 41.10, "stay": 12345678901234567890, "letter": "\\u00e9"}'
        reply = office.send(f'{{"records": [{row}]}}')

        (asked,) = office.servers.asked
        assert '"age":41.10' in asked.event["body"]
        assert '"stay":12345678901234567890' in asked.event["body"]
        assert '"letter":"\\u00e9"' in office.kept[0].body
        assert reply.body["predictions"][0]["probabilities"]["home"] == 0.70000005

    def test_own_id_goes_with_both_answers_when_the_caller_has_one(self, office):
        reply = office.send({**BODY, "id": "visit-7"})

        assert reply.body["id"] == "visit-7"
        assert sent(office)["id"] == "visit-7"
        assert json.loads(office.kept[0].body)["id"] == "visit-7"

    def test_same_job_when_the_request_comes_again_under_its_key(self, office):
        first = office.send(BODY, idempotency_key="k-1")
        second = office.send(BODY, idempotency_key="k-1")

        assert first.body["next"]["job"] == second.body["next"]["job"]
        assert len(office.kept) == 1

    def test_job_of_its_own_when_the_key_was_used_for_a_plain_job_of_the_model(self, office):
        plain = office.jobs.submit({"records": [{"age": 1}]}, model=HEAVY, idempotency_key="k-1")
        staged = office.send(BODY, idempotency_key="k-1")

        assert plain.status == 202
        assert staged.body["next"]["job"] != plain.body["id"]

    def test_callback_is_the_jobs_when_an_address_is_given(self, office):
        office.send(BODY, x_callback_url="https://example.com/told")

        assert office.kept[0].callback_url == "https://example.com/told"

    def test_stand_in_is_told_when_another_version_answered_for_the_light_one(self, office):
        office.servers.answer = lambda event: {**light_answer(event), "degraded": True}
        assert office.send(BODY).body["degraded"] is True

    def test_manifests_are_read_once_when_requests_go_on(self, office):
        office.send(BODY)
        office.objects.objects.clear()

        assert office.send(BODY).status == 200


class TestInput:
    @pytest.mark.parametrize(
        ("row", "field", "message"),
        [
            ({**ROW, "weight": 70}, "records[0].weight", "is a column of neither stage"),
            ({k: ROW[k] for k in ("age", "stay")}, "records[0].letter", "is missing"),
            ({k: ROW[k] for k in ("age", "letter")}, "records[0].stay", "is missing"),
        ],
        ids=["unknown", "of the heavy one", "of the light one"],
    )
    def test_422_by_field_and_nothing_asked_when_a_column_is_wrong(
        self, office, row, field, message
    ):
        reply = office.send({"records": [row]})

        assert reply.status == 422
        assert {"field": field, "message": message} in reply.body["errors"]
        assert office.servers.asked == []
        assert office.kept == []

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ("", 400),
            ("{", 400),
            ('{"records": []}', 422),
            ('{"records": {}}', 422),
            ("[]", 422),
            ("{}", 422),
            ('{"inputs": []}', 422),
            ('{"records": [1]}', 422),
            ('{"records": [], "id": 3}', 422),
            ('{"records": [{"age": 1, "age": 2, "stay": 1, "letter": ""}]}', 422),
            ('{"records": [{"age": 1, "stay": 1, "letter": "a", "\\u0061ge": 2}]}', 422),
            ('{"records": [{"age": 1, "stay": 1, "letter": ""}], "records": []}', 422),
            ('{"id": null, "id": null, "records": [{"age": 1, "stay": 1, "letter": ""}]}', 422),
            ('{"records": [{"age": 1, "stay": 1, "letter": "\\"id\\""}]}', 200),
            ('{"records": [{"age": {"a": "b"}, "stay": 1, "letter": "c"}]}', 200),
            ('{"id": null, "records": [{"age": 1, "stay": 1, "letter": ""}]}', 200),
        ],
    )
    def test_form_is_kept_strictly_when_a_body_is_read(self, office, body, status):
        reply = office.send(body)

        assert reply.status == status, reply.body
        assert len(office.kept) == (status == 200)

    def test_twice_is_named_with_its_row_when_a_column_is_there_twice(self, office):
        twice = '{"age": 1e999999, "stay": 1, "letter": "", "age": 2}'
        reply = office.send(f'{{"records": [{json.dumps(ROW)}, {twice}]}}')

        assert reply.body["errors"] == [{"field": "records[1].age", "message": "is there twice"}]

    def test_415_when_the_body_is_something_else(self, office):
        assert office.send(BODY, content_type="text/csv").status == 415

    @pytest.mark.parametrize(
        "headers",
        [{"idempotency_key": "é"}, {"x_callback_url": "http://10.0.0.1/"}],
        ids=["key", "callback"],
    )
    def test_422_before_anybody_is_asked_when_no_job_could_have_it(self, office, headers):
        office.jobs.caller.refused = {"http://10.0.0.1/"}
        reply = office.send(BODY, **headers)

        assert reply.status == 422
        assert office.servers.asked == []

    @pytest.mark.parametrize("model", ["nobody", HEAVY], ids=["unknown", "one stage"])
    def test_404_when_there_are_no_two_stages(self, office, model):
        reply = office.send(BODY, model=model)
        assert reply.status == 404
        if model == HEAVY:
            assert "serving.second_stage" in reply.body["detail"]

    def test_its_refusal_and_no_job_when_the_light_model_refuses(self, office):
        wrong = [{"field": "records[0].stay", "message": "is not a number"}]
        office.servers.answer = problem_answer(422, "invalid-input", errors=wrong)
        reply = office.send(BODY)

        assert (reply.status, reply.body["errors"]) == (422, wrong)
        assert reply.headers["content-type"] == "application/problem+json"
        assert office.kept == []
        assert (office.line["status"], office.line["error"]) == (422, "InvalidInputError")

    def test_413_and_no_job_when_the_light_model_takes_less(self, office):
        office.change(limits=Limits(max_body_kb=1))
        reply = office.send({"records": [ROW] * 200})

        assert reply.status == 413
        assert office.kept == []


LIGHT_FAILURES = {
    "slow": (DeadlineExceededError("model server", 1), "deadline-exceeded"),
    "away": (UnavailableError("no answer"), "unavailable"),
    "busy": (ThrottledError("too many"), "throttled"),
    "crashed": (ModelServerError("it crashed"), "fault"),
    "no model": (problem_answer(503, "unavailable"), "unavailable"),
    "broken": (problem_answer(500, "fault"), "fault"),
    "too busy": (problem_answer(429, "throttled"), "throttled"),
    "garbage": (lambda event: {"status": 200, "body": "<html>"}, "bad-answer"),
    "half": (lambda event: {"status": 200, "body": '{"predictions":[{}]}'}, "bad-answer"),
}


class TestLightFails:
    @pytest.mark.parametrize("kind", LIGHT_FAILURES)
    def test_202_with_the_job_alone_when_the_light_model_has_no_answer(self, office, kind):
        answer, problem = LIGHT_FAILURES[kind]
        office.servers.answer = (lambda _: answer) if isinstance(answer, Exception) else answer
        reply = office.send(BODY)

        (job,) = office.kept
        assert reply.status == 202
        assert reply.headers["retry-after"] == "1"
        assert reply.headers["location"].endswith(job.id)
        assert reply.body["predictions"] is None
        assert reply.body["stage"] == "light"
        assert reply.body["model_version"] == ""
        assert reply.body["error"]["type"] == f"urn:servery:problem:{problem}"
        assert reply.body["next"]["job"] == job.id
        assert "degraded" not in reply.body

    def test_failure_is_in_the_log_when_only_the_job_will_answer(self, office):
        office.servers.answer = lambda _: DeadlineExceededError("model server", 1)
        office.send(BODY)

        line = office.line
        assert (line["route"], line["status"]) == ("staged", 504)
        assert line["error"] == "DeadlineExceededError"
        assert line["output"] is None

    def test_garbage_stays_out_of_the_log_when_it_is_answered(self, office):
        office.servers.answer = lambda _: {"status": 200, "body": "<html>"}
        office.send(BODY)

        assert (office.line["status"], office.line["output"]) == (502, None)

    def test_job_is_accepted_when_the_manifest_of_the_light_model_is_away(self, office):
        digest = office.jobs.registry.deployment(LIGHT).champion.ref.prefix
        del office.objects.objects[f"{digest}/manifest.json"]
        reply = office.send(BODY)

        assert reply.status == 202
        assert reply.body["error"]["type"].endswith(":fault")
        assert json.loads(office.kept[0].body)["records"][0] == {
            "age": 41,
            "letter": "short of breath",
        }
        assert office.servers.asked == []

    def test_time_for_the_job_is_kept_when_the_light_model_may_take_all_of_it(self, office):
        office.change(deadline_ms=28_000)
        office.send(BODY)

        (asked,) = office.servers.asked
        assert asked.timeout <= 25


class TestHeavyFails:
    @pytest.fixture(params=["store", "unreleased", "manifest", "limit", "key"])
    def trouble(self, request):
        """A heavy model that takes no job, and the status and words of it."""
        office = StagedOffice(
            released=(LIGHT,) if request.param == "unreleased" else (LIGHT, HEAVY)
        )
        headers = {}
        if request.param == "store":
            office.jobs.store.failure = UnavailableError("the table is away")
        elif request.param == "manifest":
            prefix = office.jobs.registry.deployment(HEAVY).champion.ref.prefix
            del office.objects.objects[f"{prefix}/manifest.json"]
        elif request.param == "limit":
            office.change(HEAVY, limits=Limits(max_body_kb=1))
        elif request.param == "key":
            headers = {"idempotency_key": "k"}
            office.send({"records": [{**ROW, "age": 1}]}, **headers)
            office.log.lines.clear()
        words = {
            "store": "the table is away",
            "unreleased": f"the second stage, {HEAVY}, is not released",
            "manifest": "something is broken on our side",
            "limit": "this model takes 1000",
            "key": "was used for a request with another body",
        }
        return office, headers, words[request.param]

    def test_light_answer_stands_when_the_heavy_model_is_not_accepted(self, trouble):
        office, headers, words = trouble
        reply = office.send({"records": [LONG, LONG]}, **headers)

        assert reply.status == 200
        assert "location" not in reply.headers
        assert [p["class"] for p in reply.body["predictions"]] == ["home", "home"]
        assert reply.body["degraded"] is True
        assert reply.body["next"]["state"] == "refused"
        assert words in reply.body["next"]["reason"]
        assert "job" not in reply.body["next"]
        assert (office.line["status"], office.line["error"]) == (200, "")

    def test_accepted_all_the_same_when_the_queue_is_down(self, office):
        office.jobs.queue.failure = UnavailableError("the queue is away")
        reply = office.send(BODY)

        (job,) = office.kept
        assert (reply.status, reply.body["next"]["job"]) == (200, job.id)
        assert job.due is not None

    def test_503_that_names_both_when_neither_stage_can_answer(self, office, capsys):
        office.servers.answer = lambda _: UnavailableError("no light")
        office.jobs.store.failure = UnavailableError("no table")
        reply = office.send(BODY)

        assert reply.status == 503
        assert reply.headers["content-type"] == "application/problem+json"
        assert "light: no light" in reply.body["detail"]
        assert "heavy: no table" in reply.body["detail"]
        assert int(reply.headers["retry-after"]) >= 1
        assert office.line["error"] == "UnavailableError"
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (counted,) = [line for line in told if "FirstStageFailed" in line]
        assert (counted["FirstStageFailed"], counted["SecondStageRefused"]) == (1, 1)

    def test_no_alarm_when_the_caller_caused_the_refusal(self, office, capsys):
        office.send({"records": [{**ROW, "age": 1}]}, idempotency_key="k")
        capsys.readouterr()
        office.send(BODY, idempotency_key="k")

        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (counted,) = [line for line in told if "SecondStageRefused" in line]
        assert counted["SecondStageRefused"] == 0


class TestLog:
    def test_light_answer_is_logged_with_its_own_columns_when_it_answers(self, office):
        office.send(BODY)

        line = office.line
        assert (line["model"], line["route"], line["status"], line["rows"]) == (
            LIGHT,
            "staged",
            200,
            2,
        )
        assert line["input"]["records"][0] == {"age": 41, "stay": 3.5}
        assert line["output"]["predictions"][0]["class"] == "home"
        assert line["model_version"] == VERSION

    def test_input_stays_out_when_the_light_model_is_about_persons(self, office):
        deployed = office.jobs.registry.deployment(LIGHT)
        champion = type(deployed.champion)(
            ref=deployed.champion.ref, server=deployed.champion.server, unlogged=["input"]
        )
        office.change(champion=champion)
        office.send(BODY)

        assert office.line["input"] is None


def test_manifest_is_read_again_when_others_were_asked_for_since():
    office = StagedOffice()
    refs = {m: office.jobs.registry.deployment(m).champion.ref for m in (LIGHT, HEAVY)}
    signatures = Signatures(office.objects, most=1)
    assert signatures.inputs(refs[LIGHT]) == ("age", "stay")
    assert signatures.inputs(refs[HEAVY]) == ("age", "letter")
    office.objects.objects.clear()

    assert signatures.inputs(refs[HEAVY]) == ("age", "letter")
    with pytest.raises(ArtifactError):
        signatures.inputs(refs[LIGHT])
