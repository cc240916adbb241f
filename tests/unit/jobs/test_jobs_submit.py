"""Taking a job: what is refused, what is the same again, and that it is durable before the 202."""

from __future__ import annotations

import base64
import json
from urllib.parse import urljoin

import pytest
from fakes.jobs import DiedError, Life
from fakes.jobs_office import BODY, Office
from servery.domain.jobs import JobState
from servery.errors import FaultError, UnavailableError
from servery.usecases.jobs.sweep import sweep

URL = "https://example.com/done"
LARGE = json.dumps({"records": [{"name": "ü" * 60_000}]}, ensure_ascii=False)


def swept_later(office: Office) -> None:
    office.clock.advance(61)
    sweep(office.sweeping, seconds=lambda: 60)


class TestAccepted:
    def test_it_is_told_where_the_job_is_when_it_is_accepted(self, office):
        reply = office.submit()
        job = reply.body
        assert reply.status == 202
        base = "https://api.example.com/stage/v2/models/iris/jobs"
        where = urljoin(base, reply.headers["location"])
        assert where == f"https://api.example.com/stage/jobs/{job['id']}"
        assert reply.headers["retry-after"] == "1"
        assert (job["model"], job["state"], job["tries"]) == ("iris", "queued", 0)
        assert (job["result"], job["error"], job["callback"]) == (None, None, None)
        assert job["expires"] == "2026-03-08T12:00:00+00:00"

    def test_it_is_kept_and_sent_once_when_all_is_well(self, office):
        job = office.store.get(office.accepted())
        assert (job.body, job.body_key, job.request_id) == (BODY, "", "request-1")
        assert (job.sent, job.due) == (1, office.now + 900)
        assert office.queue.ids == [job.id]

    def test_ids_follow_time_and_differ_when_no_key_is_given(self, office):
        first, second = office.accepted(), office.accepted()
        office.clock.advance(0.002)
        third = office.accepted()
        assert first < second < third
        assert {len(job_id) for job_id in (first, second, third)} == {26}

    def test_body_is_decoded_when_it_comes_in_base64(self, office):
        body = base64.b64encode(BODY.encode()).decode()
        reply = office.send("POST", "/v2/models/iris/jobs", body, isBase64Encoded=True)
        assert office.store.get(reply.body["id"]).body == BODY

    def test_body_goes_to_the_bucket_when_it_is_large(self, office):
        job = office.store.get(office.accepted(body=LARGE))
        assert job.body == ""
        assert office.documents.documents == {job.body_key: LARGE.encode()}
        assert job.body_key.startswith(f"jobs/{job.id}/request")

    @pytest.mark.parametrize("characters", [100_000, 100_001])
    def test_size_is_counted_in_bytes_when_the_place_is_chosen(self, office, characters):
        body = '{"inputs": "' + "x" * (characters - 14) + '"}'
        job = office.store.get(office.accepted(body=body))
        assert bool(job.body_key) == (characters > 100_000)

    def test_callback_is_kept_when_header_or_query_has_it(self, office):
        in_header = office.submit(x_callback_url=URL).body
        in_query = office.send("POST", f"/v2/models/iris/jobs?callback_url={URL}", BODY).body
        for job in (in_header, in_query):
            assert job["callback"] == {"url": URL, "state": "none", "tries": 0}

    def test_tensors_are_taken_when_the_body_has_inputs(self, office):
        assert office.submit(body={"inputs": [], "id": "x", "outputs": []}).status == 202


class TestRefused:
    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ("", 400),
            ("{", 400),
            ('{"records": [nope]}', 400),
            ('{"records": [1]} x', 400),
            ('{"records": ["\ud800"]}', 400),
            ("[]", 422),
            ("7", 422),
            ("{}", 422),
            ('{"records": [], "inputs": []}', 422),
            ('{"record": []}', 422),
        ],
    )
    def test_body_is_refused_when_it_is_no_request(self, office, body, status):
        reply = office.submit(body=body)
        assert reply.status == status
        assert reply.body["type"].startswith("urn:servery:problem:")
        assert office.store.all() == []

    def test_body_is_refused_when_it_is_no_utf_8(self, office):
        body = base64.b64encode(b'{"records": ["\xff"]}').decode()
        reply = office.send("POST", "/v2/models/iris/jobs", body, isBase64Encoded=True)
        assert reply.status == 400

    def test_not_found_when_nothing_of_the_model_is_released(self, office):
        assert office.submit(model="tulip").status == 404

    def test_too_large_when_the_deployment_takes_less(self, office):
        reply = office.submit(body='{"records": "' + "x" * 400_000 + '"}')
        assert reply.status == 413
        assert "400000" in reply.body["detail"]

    def test_media_is_refused_when_it_is_not_json(self, office):
        assert office.submit(content_type="text/csv").status == 415
        assert office.submit(content_encoding="gzip").status == 415

    @pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\tb", "\x7f"])
    def test_key_is_refused_when_it_is_not_printable_or_too_long(self, office, key):
        reply = office.submit(idempotency_key=key)
        assert reply.status == 422
        assert reply.body["errors"][0]["field"] == "Idempotency-Key"

    @pytest.mark.parametrize("url", ["", "http://example.com", "https://e.org/" + "x" * 2040])
    def test_callback_is_refused_when_nobody_may_call_there(self, office, url):
        assert office.submit(x_callback_url=url).status == 422
        assert office.store.all() == []

    def test_callback_is_refused_when_it_is_given_twice(self, office):
        path = f"/v2/models/iris/jobs?callback_url={URL}"
        reply = office.send("POST", path, BODY, {"x-callback-url": URL})
        assert reply.status == 422

    def test_query_is_refused_when_the_route_has_no_such_parameter(self, office):
        reply = office.send("POST", "/v2/models/iris/jobs?callback=x", BODY)
        assert reply.body["errors"][0]["field"] == "callback"

    def test_unavailable_when_it_cannot_be_written_down(self, office):
        office.store.failure = UnavailableError("no answer")
        assert office.submit().status == 503
        assert office.queue.sent == []


class TestAgain:
    @pytest.mark.parametrize("key", ["order 7", "x" * 255, "~", '"quoted"'])
    def test_job_is_the_same_when_key_and_body_are(self, office, key):
        first = office.accepted(idempotency_key=key)
        again = office.submit(idempotency_key=key)
        assert (again.status, again.body["id"]) == (202, first)
        assert len(office.store.all()) == len(office.queue.sent) == 1

    def test_it_comes_with_its_result_when_the_job_is_done(self, office):
        job_id = office.accepted(idempotency_key="k")
        office.run(job_id)
        again = office.submit(idempotency_key="k")
        assert (again.status, again.body["state"]) == (202, "done")
        assert again.body["result"] == {"predictions": [1]}

    @pytest.mark.parametrize("state", [JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED])
    def test_job_is_the_same_when_it_came_to_nothing(self, office, state):
        job_id = office.accepted(idempotency_key="k")
        office.run(job_id, state)
        again = office.submit(idempotency_key="k")
        assert (again.status, again.body["id"], again.body["state"]) == (202, job_id, state)
        assert len(office.queue.sent) == 1

    def test_jobs_differ_when_the_models_do(self, office):
        first = office.accepted(idempotency_key="k")
        assert office.accepted(idempotency_key="k", model="wine") != first

    @pytest.mark.parametrize(
        "changes", [{"body": '{"records": []}'}, {"x_callback_url": URL}, {"body": LARGE}]
    )
    def test_conflict_when_the_key_was_used_for_something_else(self, office, changes):
        job_id = office.accepted(idempotency_key="k")
        reply = office.submit(idempotency_key="k", **changes)
        assert reply.status == 409
        assert office.store.get(job_id).body == BODY
        assert len(office.queue.sent) == 1

    def test_large_body_stays_when_another_large_one_comes_under_its_key(self, office):
        job = office.store.get(office.accepted(idempotency_key="k", body=LARGE))
        other = LARGE.replace("ü", "ö")
        assert office.submit(idempotency_key="k", body=other).status == 409
        assert office.documents.get(job.body_key) == LARGE.encode()

    def test_one_job_comes_of_it_when_two_submit_at_once(self, office):
        inner = []

        class Racing(type(office.store)):
            """While the first is written, the second comes in and is quicker."""

            def add(self, job):
                if not inner:
                    inner.append(None)
                    inner[0] = office.submit(idempotency_key="k")
                return super().add(job)

        office.store.__class__ = Racing
        outer = office.submit(idempotency_key="k")
        assert outer.status == inner[0].status == 202
        assert outer.body["id"] == inner[0].body["id"]
        assert len(office.store.all()) == len(office.queue.sent) == 1


class TestDurable:
    @pytest.mark.parametrize("failure", [UnavailableError("down"), FaultError("not allowed")])
    def test_accepted_and_done_later_when_the_queue_is_down(self, office, failure, capsys):
        office.queue.failure = failure
        job_id = office.accepted()
        assert '"JobsUnsent":1' in capsys.readouterr().out
        office.queue.failure = None
        swept_later(office)
        assert office.queue.ids == [job_id]

    def test_accepted_when_the_message_is_out_and_the_store_is_gone(self, office):
        office.life.fails_at, office.life.failure = 5, UnavailableError("no answer")
        assert office.submit().status == 202
        assert office.life.moments[4] == "before put"

    def test_accepted_when_a_worker_is_quicker_than_the_note_that_it_was_sent(self, office):
        send = office.queue.send

        def sent_and_taken(job_ids, *, delay=0.0):
            send(job_ids)
            office.claim(job_ids[0])

        office.queue.send = sent_and_taken
        job = office.store.get(office.accepted())
        assert (job.state, job.sent) == (JobState.RUNNING, 0)

    @pytest.mark.parametrize("body", [BODY, LARGE], ids=["small", "large"])
    def test_it_is_sent_in_the_end_when_the_process_dies_at_any_line(self, body):
        whole = Office()
        whole.accepted(body=body)
        moments = len(whole.life.moments)
        assert moments == (6 if body is BODY else 8)
        kept = 0
        for moment in range(1, moments + 1):
            office = Office(life=Life(ends_at=moment))
            with pytest.raises(DiedError):
                office.submit(body=body)
            jobs = office.store.all()
            office.clock.advance(1000)
            sweep(office.sweeping, seconds=lambda: 60)
            assert set(office.queue.ids) == {job.id for job in jobs}
            for job in office.store.all():
                assert job.due > office.now
                assert not job.body_key or office.documents.get(job.body_key) == body.encode()
            kept += len(jobs)
        assert kept == 5  # from the moment after the record on

    def test_it_is_lost_in_no_record_when_it_dies_before_the_202(self):
        """Nothing is sent before there is a record that says what is meant."""
        for moment in range(1, 9):
            office = Office(life=Life(ends_at=moment))
            with pytest.raises(DiedError):
                office.submit(body=LARGE)
            assert set(office.queue.ids) <= {job.id for job in office.store.all()}
