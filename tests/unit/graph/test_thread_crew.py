"""Threads that do jobs at the same time; every wait is for an event, none for luck."""

from __future__ import annotations

import threading

import pytest
from servery.adapters.thread_crew import ThreadCrew

PATIENCE = 10.0


@pytest.fixture
def gate():
    gate = threading.Event()
    yield gate
    gate.set()


def soon(crew):
    return crew.now() + PATIENCE


def test_jobs_are_done_at_the_same_time_when_there_are_hands():
    crew = ThreadCrew()
    together = threading.Barrier(4)
    for ticket in "abcd":
        crew.start(ticket, lambda: together.wait(PATIENCE))
    assert {crew.next(soon(crew)).ticket for _ in range(4)} == set("abcd")


def test_error_comes_back_when_a_job_raises():
    crew = ThreadCrew()
    crew.start("a", lambda: 1 / 0)
    assert isinstance(crew.next(soon(crew)).error, ZeroDivisionError)


def test_nobody_waits_longer_than_until_when_nothing_is_over(gate):
    crew = ThreadCrew()
    crew.start("a", lambda: gate.wait(PATIENCE))
    assert crew.next(crew.now() + 0.01) is None
    assert crew.next(crew.now() - 1) is None


def test_no_more_are_done_at_once_than_there_are_hands(gate):
    crew = ThreadCrew(most=2)
    begun = threading.Semaphore(0)

    def job():
        begun.release()
        return gate.wait(PATIENCE)

    third = threading.Event()
    crew.start("a", job)
    crew.start("b", job)
    crew.start("c", third.set)
    assert begun.acquire(timeout=PATIENCE)
    assert begun.acquire(timeout=PATIENCE)
    assert not third.is_set()
    gate.set()
    crew.next(soon(crew))
    assert third.wait(PATIENCE)


def test_hand_is_free_again_when_a_job_is_dropped(gate):
    crew = ThreadCrew(most=1)
    crew.start("slow", lambda: gate.wait(PATIENCE))
    crew.start("waiting", lambda: "never")
    crew.start("next", lambda: "done")
    crew.drop("waiting")
    crew.drop("slow")
    done = crew.next(soon(crew))
    assert (done.ticket, done.result) == ("next", "done")
    gate.set()
    assert crew.next(crew.now() + 0.05) is None  # what the dropped one gave is thrown away
