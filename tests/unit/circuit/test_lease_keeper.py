from __future__ import annotations

import threading
import time

from servery.adapters.lease_keeper import LeaseKeeper


def test_it_is_called_again_and_again_when_it_says_so():
    done = threading.Event()
    called: list[float] = []

    def renew() -> float | None:
        called.append(time.time())
        if len(called) == 3:
            done.set()
            return None
        return time.time() + 0.01

    start = time.time()
    LeaseKeeper().watch(start + 0.02, renew)

    assert done.wait(5)
    assert called[0] >= start + 0.02
    assert called == sorted(called)


def test_it_is_not_called_when_the_watch_ended_before():
    keeper, called, later = LeaseKeeper(), [], threading.Event()
    end = keeper.watch(time.time() + 0.05, lambda: called.append("ended") and None)
    end()
    keeper.watch(time.time() + 0.1, lambda: later.set() and None)

    assert later.wait(5)
    assert called == []


def test_earlier_watch_is_called_in_time_when_a_later_one_is_waited_for():
    keeper, done = LeaseKeeper(), threading.Event()
    end = keeper.watch(time.time() + 60, lambda: None)
    keeper.watch(time.time() + 0.02, lambda: done.set() and None)

    assert done.wait(5)
    end()


def test_it_does_not_run_any_more_when_the_end_has_returned():
    keeper, started, go = LeaseKeeper(), threading.Event(), threading.Event()
    ended: list[float] = []

    def renew() -> float:
        started.set()
        go.wait(5)
        ended.append(time.monotonic())
        return time.time()

    end = keeper.watch(time.time(), renew)
    assert started.wait(5)
    threading.Timer(0.05, go.set).start()
    end()
    returned = time.monotonic()

    assert len(ended) == 1
    assert ended[0] <= returned
    again = threading.Event()
    keeper.watch(time.time() + 0.05, lambda: again.set() and None)
    assert again.wait(5)
    assert len(ended) == 1


def test_others_are_called_when_one_raises():
    keeper, done = LeaseKeeper(), threading.Event()

    def fail() -> float:
        raise ValueError("no")

    keeper.watch(time.time(), fail)
    keeper.watch(time.time() + 0.05, lambda: done.set() and None)

    assert done.wait(5)
