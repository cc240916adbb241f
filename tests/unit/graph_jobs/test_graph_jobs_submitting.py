"""Taking a job of a graph: durable before it is accepted, published after, never twice."""

from __future__ import annotations

import msgspec
import pytest
from servery.domain.graph_jobs import GraphJobState
from servery.errors import ConflictError, InvalidInputError, UnavailableError


def published(plant):
    return sorted(
        (number, msgspec.json.decode(message.body)["part"])
        for number, queue in enumerate(plant.topic.slots)
        for message in queue.messages.values()
    )


def test_each_member_has_a_queue_of_its_own_when_a_graph_is_a_group(plant):
    plant.group("a", "b", "c", aggregate="vote")
    job = plant.submit(1.0, 2.0).job
    assert published(plant) == [(0, "a"), (1, "b"), (2, "c")]
    assert (job.state, job.sent, job.revision) == (GraphJobState.OPEN, True, 2)
    assert plant.job(job.id) == job
    assert (job.settle_at, job.due) == (plant.now + 300, plant.now + 300)


def test_it_is_one_part_when_a_graph_is_more_than_a_group(plant):
    steps = [{"name": "one", "model": "a"}, {"name": "two", "model": "b"}]
    plant.models.graph({"steps": steps}, {}, "x:float")
    plant.accepted()
    assert published(plant) == [(0, "graph")]


@pytest.mark.parametrize("wait", [3, 300])
def test_it_is_accepted_and_has_its_time_when_it_is_published_later(plant, wait):
    plant.group("a", "b", job_wait_s=wait)
    plant.topic.failure = down = UnavailableError("not there")
    made = plant.submit()
    assert (made.new, made.unsent, made.job.sent) == (True, down, False)
    plant.topic.failure = None
    plant.clock.advance(29)
    assert plant.sweep().sent == []
    plant.clock.advance(1)
    assert plant.sweep().sent == [made.job.id]
    assert plant.job(made.job.id).settle_at == max(made.job.settle_at, plant.now + wait)
    plant.work()
    assert plant.job(made.job.id).state is GraphJobState.DONE


def test_it_fails_when_its_parts_cannot_be_published_for_an_hour(plant):
    plant.group("a", "b", job_wait_s=3)
    plant.topic.failure = UnavailableError("not there")
    job_id = plant.accepted()
    plant.go_on(3500)
    assert plant.job(job_id).state is GraphJobState.OPEN
    plant.go_on(200)
    assert plant.job(job_id).state is GraphJobState.FAILED


def test_a_sweep_ends_it_when_its_alarm_cannot_be_set(plant):
    plant.group("a", "b", job_wait_s=3, aggregate="any")
    real, down = plant.later.send, UnavailableError("not there")

    def failing(job_ids, *, delay=0.0):
        raise down

    plant.later.send = failing
    made = plant.submit()
    plant.later.send = real
    assert (made.unsent, made.job.sent) == (down, True)
    plant.clock.advance(3)
    assert [ended.job.id for ended in plant.sweep().ended] == [made.job.id]


def test_nothing_is_accepted_when_it_cannot_be_kept(plant):
    plant.group("a", "b")
    plant.memory.failure = UnavailableError("the store is away")
    with pytest.raises(UnavailableError):
        plant.submit()
    assert plant.waiting == 0


def test_it_is_the_same_job_when_the_key_comes_again(plant):
    plant.group("a", "b")
    first = plant.submit(1.0, key="k")
    plant.work()
    again = plant.submit(1.0, key="k")
    assert (again.new, again.job.id) == (False, first.job.id)
    assert again.job.state is GraphJobState.DONE
    assert plant.waiting == 0
    with pytest.raises(ConflictError, match="another body"):
        plant.submit(2.0, key="k")
    plant.group("a", "b", name="other")
    assert plant.accepted(1.0, key="k", graph="other") != first.job.id


@pytest.mark.parametrize("key", ["", " k", "k\n", "ü", "x" * 256])
def test_the_key_is_refused_when_it_is_none(plant, key):
    plant.group("a", "b")
    with pytest.raises(InvalidInputError, match="Idempotency-Key"):
        plant.submit(key=key)
    assert plant.memory.all() == []


def test_body_is_in_the_bucket_when_it_is_large(plant):
    plant.group("u", "v", aggregate="mean")
    job_id = plant.accepted(*[float(n) for n in range(20_000)])
    job = plant.job(job_id)
    assert (job.body, job.body_key.startswith(f"graph-jobs/{job_id}/request-")) == ("", True)
    plant.work()
    done = plant.job(job_id)
    assert done.result_key.startswith(f"graph-jobs/{job_id}/result-")
    assert [r["value"] for r in plant.predictions(job_id)] == [1.5 * n for n in range(20_000)]


@pytest.mark.parametrize(("wait", "told"), [(3, [3.0]), (900, [900.0]), (901, [])])
def test_it_has_an_alarm_when_a_message_can_wait_as_long(plant, wait, told):
    plant.group("a", "b", job_wait_s=wait)
    plant.accepted()
    assert [m.visible - plant.now for m in plant.later.messages.values()] == told
