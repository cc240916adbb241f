"""Looking at jobs: one, lists of them, and cancelling."""

from __future__ import annotations

import json

import pytest
from fakes.jobs import DAY, a_job
from servery.domain.jobs import CallbackState, JobState
from servery.errors import ConflictError

URL = "https://example.com/done"


def ids(reply):
    return [job["id"] for job in reply.body["jobs"]]


def an_id(number: int) -> str:
    return f"{number:026x}"


class TestOne:
    def test_it_is_told_to_ask_again_when_the_job_is_not_over(self, office):
        job_id = office.accepted()
        waiting = office.send("GET", f"/jobs/{job_id}")
        office.claim(job_id)
        running = office.send("GET", f"/jobs/{job_id}")
        assert [r.body["state"] for r in (waiting, running)] == ["queued", "running"]
        assert [r.headers["retry-after"] for r in (waiting, running)] == ["1", "1"]
        assert running.body["tries"] == 1
        assert running.body["started"] == office.clock.now().isoformat()
        assert "x-model-version" not in running.headers

    def test_result_is_the_answer_when_it_is_done(self, office):
        job_id = office.accepted()
        office.run(job_id)
        reply = office.send("GET", f"/jobs/{job_id}")
        assert (reply.status, reply.body["state"]) == (200, "done")
        assert reply.body["result"] == {"predictions": [1]}
        assert reply.body["error"] is None
        assert reply.headers["x-model-version"] == reply.body["model_version"] == "1.1.0"
        assert "retry-after" not in reply.headers

    def test_result_is_fetched_when_it_is_in_the_bucket(self, office):
        job_id = office.accepted()
        large = json.dumps({"predictions": ["ü" * 10]}, ensure_ascii=False)
        office.documents.put("jobs/x/result.json", large.encode())
        office.run(job_id, result="", result_key="jobs/x/result.json")
        assert office.send("GET", f"/jobs/{job_id}").body["result"] == json.loads(large)

    def test_error_is_the_problem_document_when_the_input_was_refused(self, office):
        job_id = office.accepted()
        document = {"type": "urn:servery:problem:invalid-input", "status": 422}
        office.run(job_id, JobState.FAILED, status=422, result=json.dumps(document))
        reply = office.send("GET", f"/jobs/{job_id}")
        assert (reply.body["error"], reply.body["status"]) == (document, 422)
        assert reply.body["result"] is None

    def test_error_says_why_when_nothing_answered(self, office):
        job_id = office.accepted()
        office.run(job_id, JobState.FAILED, status=0, reason="three workers were lost")
        assert office.send("GET", f"/jobs/{job_id}").body["error"] == {
            "type": "urn:servery:problem:job-failed",
            "title": "Internal Server Error",
            "status": 500,
            "detail": "three workers were lost",
            "instance": "urn:servery:request:request-1",
        }

    def test_callback_is_told_when_there_is_one(self, office):
        job_id = office.accepted(x_callback_url=URL)
        office.run(job_id)
        callback = office.send("GET", f"/jobs/{job_id}").body["callback"]
        assert callback == {"url": URL, "state": CallbackState.PENDING, "tries": 0}

    def test_content_is_gone_when_its_time_has_passed(self, office):
        job_id = office.accepted()
        office.run(job_id, result="", result_key="jobs/x/gone.json")
        office.clock.advance(7 * DAY)
        reply = office.send("GET", f"/jobs/{job_id}")
        assert (reply.status, reply.body["state"], reply.body["result"]) == (200, "expired", None)
        assert "retry-after" not in reply.headers

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    @pytest.mark.parametrize("job_id", ["f" * 26, "x", "F" * 26, "%20", "0" * 27])
    def test_not_found_when_there_is_no_such_job(self, office, method, job_id):
        assert office.send(method, f"/jobs/{job_id}").status == 404

    def test_query_is_refused_when_the_route_has_none(self, office):
        assert office.send("GET", f"/jobs/{office.accepted()}?wait=1").status == 422

    def test_other_methods_are_named_when_one_is_not_there(self, office):
        reply = office.send("PUT", f"/jobs/{office.accepted()}")
        assert (reply.status, reply.headers["allow"]) == (405, "GET, DELETE, OPTIONS")


class TestLists:
    @pytest.fixture
    def jobs(self, office):
        """Nine jobs, oldest first, of two models in turn."""
        made = []
        for number in range(9):
            made.append(office.accepted(model=("iris", "wine")[number % 2]))
            office.clock.advance(1)
        return made

    def test_all_models_are_merged_when_none_is_named(self, office, jobs):
        reply = office.send("GET", "/jobs")
        assert ids(reply) == jobs[::-1]
        assert reply.body["next"] == ""

    def test_one_model_is_listed_when_it_is_named(self, office, jobs):
        assert ids(office.send("GET", "/jobs?model=wine")) == jobs[1::2][::-1]

    @pytest.mark.parametrize("query", ["", "&model=iris"])
    @pytest.mark.parametrize("limit", [1, 2, 3, 8, 9, 100])
    def test_each_comes_once_when_jobs_arrive_between_pages(self, office, jobs, query, limit):
        expected = jobs[::-1] if not query else jobs[::2][::-1]
        found, before = [], ""
        while True:
            cursor = f"&before={before}" if before else ""
            page = office.send("GET", f"/jobs?limit={limit}{query}{cursor}")
            assert len(page.body["jobs"]) <= limit
            found += ids(page)
            before = page.body["next"]
            if not before:
                break
            office.accepted()
        assert found == expected

    def test_a_cursor_needs_no_encoding_when_it_is_put_into_a_url(self, office, jobs):
        cursor = office.send("GET", "/jobs?limit=2").body["next"]
        assert not set(cursor) & set(" +&%#")

    def test_only_a_state_is_listed_when_it_is_asked_for(self, office, jobs):
        office.run(jobs[0])
        office.run(jobs[3], JobState.FAILED)
        office.claim(jobs[4])
        listed = {s: ids(office.send("GET", f"/jobs?state={s}")) for s in JobState}
        assert listed == {
            JobState.QUEUED: [j for j in jobs[::-1] if j not in {jobs[0], jobs[3], jobs[4]}],
            JobState.RUNNING: [jobs[4]],
            JobState.DONE: [jobs[0]],
            JobState.FAILED: [jobs[3]],
            JobState.CANCELLED: [],
            JobState.EXPIRED: [],
        }

    def test_they_are_in_the_list_of_expired_ones_when_their_time_has_passed(self, office, jobs):
        office.run(jobs[0])
        office.clock.advance(7 * DAY - 5.5)  # the first four
        assert ids(office.send("GET", "/jobs?state=expired")) == jobs[3::-1]
        assert ids(office.send("GET", "/jobs?state=expired&limit=1&model=iris")) == [jobs[2]]
        assert ids(office.send("GET", "/jobs?state=done")) == []
        assert [j["state"] for j in office.send("GET", "/jobs").body["jobs"]] == (
            ["queued"] * 5 + ["expired"] * 4
        )

    def test_results_are_left_out_when_jobs_are_listed(self, office, jobs):
        office.run(jobs[0])
        office.run(jobs[2], JobState.FAILED)
        for job in office.send("GET", "/jobs?model=iris").body["jobs"]:
            assert (job["result"], job["error"]) == (None, None)

    @pytest.mark.parametrize("query", ["", "&model=iris"])
    def test_only_the_last_page_is_short_when_few_fit(self, office, query):
        """Every hundredth has expired."""
        created = office.clock.now().isoformat(timespec="microseconds")
        for number in range(1500):
            expires = office.now + (DAY if number % 100 else -1)
            office.store.add(a_job(an_id(number), created=created, expires=expires))
        url = f"/jobs?state=expired&limit=10{query}"
        first = office.send("GET", url).body
        last = office.send("GET", f"{url}&before={first['next']}").body
        assert [job["id"] for job in first["jobs"] + last["jobs"]] == [
            an_id(n) for n in range(1400, -1, -100)
        ]
        assert (len(first["jobs"]), last["next"]) == (10, "")

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("state=lost", "state"),
            ("state=", "state"),
            ("before=x", "before"),
            ("before=2026-03-01T12:00:00.000000_00", "before"),
            ("kind=x", "kind"),
        ],
    )
    def test_query_is_refused_when_it_says_something_else(self, office, query, field):
        reply = office.send("GET", f"/jobs?{query}")
        assert (reply.status, reply.body["errors"][0]["field"]) == (422, field)

    def test_not_found_when_there_is_no_such_model(self, office):
        assert office.send("GET", "/jobs?model=tulip").status == 404


class TestCancel:
    def test_it_is_cancelled_when_it_waits(self, office):
        job_id = office.accepted(x_callback_url=URL)
        reply = office.send("DELETE", f"/jobs/{job_id}")
        assert (reply.status, reply.body["state"]) == (200, "cancelled")
        assert reply.body["reason"] == "cancelled by the caller"
        assert reply.body["finished"] == office.clock.now().isoformat()
        assert office.store.get(job_id).state is JobState.CANCELLED

    def test_it_stays_cancelled_when_it_is_cancelled_twice(self, office):
        job_id = office.accepted()
        office.send("DELETE", f"/jobs/{job_id}")
        before = office.store.get(job_id)
        assert office.send("DELETE", f"/jobs/{job_id}").status == 200
        assert office.store.get(job_id) == before

    def test_conflict_when_it_runs(self, office):
        job_id = office.accepted()
        office.claim(job_id)
        reply = office.send("DELETE", f"/jobs/{job_id}")
        assert (reply.status, "running" in reply.body["detail"]) == (409, True)

    @pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.EXPIRED])
    def test_conflict_when_it_is_over(self, office, state):
        job_id = office.accepted()
        office.run(job_id, state)
        assert office.send("DELETE", f"/jobs/{job_id}").status == 409
        assert office.store.get(job_id).state is state

    def test_conflict_when_its_time_has_passed(self, office):
        job_id = office.accepted()
        office.clock.advance(7 * DAY)
        assert office.send("DELETE", f"/jobs/{job_id}").status == 409

    def test_it_is_looked_at_again_when_a_worker_is_quicker(self, office):
        job_id = office.accepted()
        put = office.store.put

        def worker_first(job):
            office.store.put = put
            office.claim(job_id)
            put(job)

        office.store.put = worker_first
        assert office.send("DELETE", f"/jobs/{job_id}").status == 409
        assert office.store.get(job_id).state is JobState.RUNNING

    def test_conflict_when_somebody_is_always_quicker(self, office):
        job_id = office.accepted()

        def refuse(job):
            raise ConflictError("changed")

        office.store.put = refuse
        assert office.send("DELETE", f"/jobs/{job_id}").status == 409
