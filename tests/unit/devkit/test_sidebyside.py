import threading

import pytest
from devkit.sidebyside import side_by_side


def test_results_in_the_order_of_the_jobs_when_all_have_ended():
    first_may_end = threading.Event()

    def first():
        assert first_may_end.wait(5)
        return 1

    def second():
        first_may_end.set()
        return 2

    assert list(side_by_side({"a": first, "b": second}).items()) == [("a", 1), ("b", 2)]


def test_error_at_once_when_another_job_still_runs():
    never = threading.Event()

    def fails():
        raise LookupError("no such model")

    with pytest.raises(LookupError, match="no such model"):
        side_by_side({"a": never.wait, "b": fails})
    never.set()


def test_nothing_when_there_are_no_jobs():
    assert side_by_side({}) == {}
