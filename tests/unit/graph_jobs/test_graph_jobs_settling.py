"""The end of a job: when time is up, what comes late, and who tells of it."""

from __future__ import annotations

import msgspec
import pytest
from fakes.graph_plant import classes
from servery.domain.graph_jobs import GraphJobState, PartMessage
from servery.errors import ConflictError, NotFoundError, UnavailableError
from servery.usecases.graph.fan_out.answering import answer
from servery.usecases.graph.fan_out.settling import settle


def part_of(plant, job_id, name):
    return next(part for part in plant.view(job_id).parts if part.name == name)


def only(plant, job_id, *names):
    """Have some of the parts answered, and leave the others in their queues."""
    for queue in plant.topic.slots:
        for message in list(queue.messages.values()):
            part = msgspec.json.decode(message.body, type=PartMessage)
            if part.job == job_id and part.part in names:
                plant.deliver(message, queue)


class TestTimeIsUp:
    def test_it_ends_with_what_is_in_when_that_is_enough(self, plant):
        plant.group("a", "b", "c", aggregate="vote", quorum=2, job_wait_s=3)
        job_id = plant.accepted()
        only(plant, job_id, "a", "c")
        plant.clock.advance(2.9)
        plant.settle_later()
        assert plant.job(job_id).state is GraphJobState.OPEN
        plant.clock.advance(0.1)
        plant.settle_later()
        found = plant.view(job_id)
        assert (found.state, found.partial, found.missing) == (GraphJobState.DONE, True, ["b"])
        assert plant.predictions(job_id)[0]["missing"] == ["b"]
        assert len(plant.events.ends) == 1

    def test_it_fails_and_says_who_when_that_is_too_few(self, plant):
        plant.group("a", "b", "c", aggregate="vote", job_wait_s=3)
        job_id = plant.accepted()
        only(plant, job_id, "a")
        plant.clock.advance(3)
        plant.settle_later()
        found = plant.view(job_id)
        assert (found.state, found.partial, found.missing) == (
            GraphJobState.FAILED,
            False,
            ["b", "c"],
        )
        assert "fewer than 3 of 3 members answered in time" in found.reason
        assert found.reason.endswith("without b, c")
        assert msgspec.json.decode(found.error)["status"] == 503

    def test_it_fails_when_the_whole_graph_is_not_in(self, plant):
        steps = [{"name": "one", "model": "a"}]
        plant.models.graph({"steps": steps, "job_wait_s": 5}, {}, "x:float")
        job_id = plant.accepted()
        plant.clock.advance(5)
        plant.settle_later()
        found = plant.view(job_id)
        assert (found.state, found.reason) == (
            GraphJobState.FAILED,
            "g did not answer within 5 s",
        )
        assert msgspec.json.decode(found.error)["status"] == 504

    def test_a_sweep_ends_it_when_its_alarm_is_lost(self, plant):
        plant.group("a", "b", aggregate="any", job_wait_s=3)
        job_id = plant.accepted()
        only(plant, job_id, "b")
        plant.later.messages.clear()
        plant.clock.advance(3)
        (ended,) = plant.sweep().ended
        assert (ended.job.id, ended.won) == (job_id, True)
        assert plant.predictions(job_id)[0]["missing"] == ["a"]

    def test_what_failed_in_time_is_missing_and_not_late(self, plant):
        plant.group("a", "b", aggregate="vote", quorum=1)
        plant.models.models["b"].answer = lambda rows: UnavailableError("away")
        job_id = plant.accepted()
        plant.go_on(180)
        found = plant.view(job_id)
        assert (found.state, found.missing) == (GraphJobState.DONE, ["b"])
        assert part_of(plant, job_id, "b").late is False


class TestWhatIsRead:
    def test_it_stays_open_when_a_large_answer_cannot_be_read_at_the_moment(self, plant):
        plant.group("u", "v", aggregate="mean")
        job_id = plant.accepted(*[float(n) for n in range(20_000)])
        real, down = plant.documents.get, UnavailableError("the bucket is away")

        def away(key):
            if "/part-" in key:
                raise down
            return real(key)

        plant.documents.get = away
        assert plant.work()[-1].error is down
        assert plant.job(job_id).state is GraphJobState.OPEN
        plant.documents.get = real
        plant.go_on(60)
        assert plant.job(job_id).state is GraphJobState.DONE

    def test_it_fails_when_what_a_member_answered_is_gone(self, plant):
        plant.group("u", "v", aggregate="mean")
        job_id = plant.accepted(*[float(n) for n in range(20_000)])
        only(plant, job_id, "u")
        plant.documents.documents = {
            key: text for key, text in plant.documents.documents.items() if "/part-" not in key
        }
        plant.work()
        found = plant.view(job_id)
        assert found.state is GraphJobState.FAILED
        assert msgspec.json.decode(found.error)["status"] == 500

    def test_it_fails_when_its_answer_is_larger_than_an_answer_may_be(self, plant):
        plant.models.model("long", lambda rows: [{"class": "x" * 4_000_000} for _ in rows])
        plant.group("long", "a", aggregate="all")
        job_id = plant.accepted(1.0, 2.0)
        plant.work()
        assert msgspec.json.decode(plant.view(job_id).error)["status"] == 413


class TestLate:
    def test_it_is_kept_and_told_but_changes_nothing_when_it_comes_after_the_end(self, plant):
        plant.group("a", "b", "c", aggregate="vote", quorum=2, job_wait_s=3)
        job_id = plant.accepted()
        only(plant, job_id, "a", "c")
        plant.clock.advance(3)
        plant.settle_later()
        before = plant.job(job_id)
        plant.work()
        assert plant.job(job_id) == before
        late = part_of(plant, job_id, "b")
        assert (late.state, late.late) == ("done", True)
        assert part_of(plant, job_id, "a").late is False
        shown = {p.name: p.predictions for p in plant.view(job_id, answers=True).parts}
        assert msgspec.json.decode(shown["b"])[0]["class"] == "no"
        assert [r.part for _, r in plant.events.members] == ["a", "c", "b"]
        assert len(plant.events.ends) == 1

    def test_it_is_late_too_when_it_fails_after_the_end(self, plant):
        plant.group("a", "b", aggregate="any", job_wait_s=3)
        plant.models.models["b"].answer = lambda rows: UnavailableError("away")
        job_id = plant.accepted()
        plant.go_on(200)
        late = part_of(plant, job_id, "b")
        assert (late.state, late.late) == ("failed", True)
        job, _ = plant.events.members[-1]
        assert job.state is GraphJobState.DONE


class TestWhoTells:
    def test_one_wins_when_two_end_it_at_the_same_time(self, plant):
        plant.group("a", "b", aggregate="any", job_wait_s=3)
        job_id = plant.accepted()
        only(plant, job_id, "b")
        plant.clock.advance(3)
        real, both = plant.memory.results, []

        def other_first(job):
            found = real(job)
            if not both:
                both.append(None)
                both.append(settle(job_id, plant.settling))
            return found

        plant.memory.results = other_first
        second = settle(job_id, plant.settling)
        assert (both[1].won, second.won) == (True, False)
        assert second.job == plant.job(job_id)
        assert len(plant.events.ends) == 1

    def test_what_comes_in_is_counted_when_the_record_changes_meanwhile(self, plant):
        plant.group("a", "b", aggregate="vote", job_wait_s=3, quorum=1)
        job_id = plant.accepted()
        only(plant, job_id, "a")
        plant.clock.advance(3)
        real, met = plant.memory.put, []

        def conflicts_once(job):
            if not met:
                met.append(None)
                message = PartMessage(job=job_id, part="b", slot=1)
                plant.settling.store.put = real
                answer(message, plant.answering, receives=1, seconds=60)
                raise ConflictError("changed")
            real(job)

        plant.memory.put = conflicts_once
        assert settle(job_id, plant.settling).won is False
        assert plant.job(job_id).missing == []
        assert len(plant.events.ends) == 1

    def test_it_is_put_off_when_it_cannot_be_told(self, plant):
        plant.group("a", "b", aggregate="any", job_wait_s=3)
        job_id = plant.accepted()
        only(plant, job_id, "a")
        plant.events.failure = UnavailableError("away")
        plant.clock.advance(3)
        settled = settle(job_id, plant.settling)
        assert (settled.won, settled.untold) == (True, plant.events.failure)
        plant.clock.advance(60)
        (put_off,) = plant.sweep().errors
        assert put_off[0] == job_id
        assert plant.sweep().errors == []
        plant.events.failure = None
        plant.clock.advance(60)
        assert plant.sweep().told == [job_id]
        assert [end.id for end in plant.events.ends] == [job_id]

    def test_not_found_when_there_is_no_such_job(self, plant):
        with pytest.raises(NotFoundError):
            settle("f" * 26, plant.settling)


class TestSweeping:
    def test_others_are_not_kept_waiting_when_one_cannot_be_helped(self, plant):
        plant.group("a", "b", aggregate="any", job_wait_s=3)
        bad, good = plant.accepted(), plant.accepted()
        for job_id in (bad, good):
            only(plant, job_id, "a")
        plant.models.models["a"].answer = classes("yes")
        real = plant.memory.results

        def broken(job_id):
            if job_id == bad:
                raise RuntimeError("unreadable")
            return real(job_id)

        plant.memory.results = broken
        plant.clock.advance(3)
        swept = plant.sweep()
        assert [job_id for job_id, _ in swept.errors] == [bad]
        assert [ended.job.id for ended in swept.ended] == [good]
        assert plant.job(bad).due == plant.now + 60

    def test_all_are_looked_at_when_there_are_many(self, plant):
        plant.group("a", "b", aggregate="any", job_wait_s=3)
        jobs = [plant.accepted() for _ in range(130)]
        plant.clock.advance(3)
        assert len(plant.sweep().ended) == 130
        assert {plant.job(job).state for job in jobs} == {GraphJobState.FAILED}
