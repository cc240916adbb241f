from datetime import UTC, datetime, timedelta

from devkit import history

START = datetime(2026, 1, 1, tzinfo=UTC)


def entered(number, name, at, kind="Task"):
    return {
        "id": number,
        "type": f"{kind}StateEntered",
        "timestamp": START + timedelta(seconds=at),
        "stateEnteredEventDetails": {"name": name},
    }


def left(number, name, at, kind="Task"):
    return {
        "id": number,
        "type": f"{kind}StateExited",
        "timestamp": START + timedelta(seconds=at),
        "stateExitedEventDetails": {"name": name},
    }


def failed(number, at, error="RetryableError", cause="no luck"):
    return {
        "id": number,
        "type": "TaskFailed",
        "timestamp": START + timedelta(seconds=at),
        "taskFailedEventDetails": {"error": error, "cause": cause},
    }


def succeeded(number, at):
    return {
        "id": number,
        "type": "TaskSucceeded",
        "timestamp": START + timedelta(seconds=at),
        "taskSucceededEventDetails": {},
    }


def test_nothing_passed_when_the_execution_has_just_started():
    seen = history.progress([{"id": 1, "type": "ExecutionStarted", "timestamp": START}])
    assert seen == history.Progress((), "", None, 0)


def test_states_in_order_with_their_times_when_they_were_left():
    events = [entered(2, "Collect", 0), left(3, "Collect", 1.5), entered(4, "Train", 1.5)]
    seen = history.progress(events)
    assert seen.passed == (history.Passed("Collect", "Task", 1.5, 1, 3),)
    assert seen.running == "Train"
    assert seen.running_since == START + timedelta(seconds=1.5)


def test_attempts_are_counted_when_a_state_was_tried_again():
    events = [
        entered(2, "Train", 0),
        failed(3, 1),
        failed(4, 2),
        succeeded(5, 3),
        left(6, "Train", 3),
    ]
    seen = history.progress(events).passed[0]
    assert (seen.attempts, seen.failed) == (3, False)
    assert history.progress(events[:3]).failed_attempts == 2


def test_state_failed_when_its_error_was_caught():
    events = [entered(2, "Collect", 0), failed(3, 1), left(4, "Collect", 1)]
    seen = history.progress(events).passed[0]
    assert (seen.attempts, seen.failed) == (1, True)


def test_attempts_start_anew_when_the_next_state_is_entered():
    events = [
        entered(1, "A", 0),
        failed(2, 1),
        succeeded(3, 2),
        left(4, "A", 2),
        entered(5, "B", 2),
        left(6, "B", 3),
    ]
    assert [state.attempts for state in history.progress(events).passed] == [2, 1]


def test_last_error_when_several_things_failed():
    events = [failed(1, 0, "RetryableError", "first"), failed(2, 1, "FaultError", "second")]
    assert history.failure(events) == ("FaultError", "second")


def test_no_error_when_nothing_failed():
    assert history.failure([entered(1, "A", 0), left(2, "A", 1)]) == ("", "")
