import json

import pytest
from devkit import logs
from devkit.errors import DevkitError, UsageError

FUNCTIONS = {
    "GatewayFunction": "servery-gateway",
    "TrainingTrainFunction": "servery-training-train",
    "TrainingExportFunction": "servery-training-export",
}


@pytest.mark.parametrize(
    ("text", "expected"), [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400)]
)
def test_seconds_when_a_length_of_time_is_given(text, expected):
    assert logs.seconds(text) == expected


@pytest.mark.parametrize("text", ["", "10", "m", "1w", "-5m"])
def test_usage_when_it_is_no_length_of_time(text):
    with pytest.raises(UsageError):
        logs.seconds(text)


@pytest.mark.parametrize("word", ["gateway", "GatewayFunction", "servery-gateway"])
def test_one_function_when_a_word_means_it(word):
    assert list(logs.choose(FUNCTIONS, word)) == ["GatewayFunction"]


def test_whole_room_when_a_word_means_several():
    assert list(logs.choose(FUNCTIONS, "training")) == [
        "TrainingTrainFunction",
        "TrainingExportFunction",
    ]


def test_all_functions_when_no_word_is_given():
    assert logs.choose(FUNCTIONS, None) == FUNCTIONS


def test_names_are_listed_when_a_word_means_none():
    with pytest.raises(DevkitError) as caught:
        logs.choose(FUNCTIONS, "batch")
    assert "GatewayFunction" in caught.value.hint


def test_a_line_of_metrics_is_short_when_a_person_reads_it():
    metrics = [
        {"Name": "Latency", "Unit": "Milliseconds"},
        {"Name": "Requests", "Unit": "Count"},
        {"Name": "ServerErrors", "Unit": "Count"},
    ]
    line = {
        "_aws": {
            "Timestamp": 1,
            "CloudWatchMetrics": [{"Namespace": "Servery", "Metrics": metrics}],
        },
        "service": "gateway",
        "model": "iris",
        "status": 200,
        "Latency": 12.5,
        "Requests": 1,
        "ServerErrors": 0,
    }
    assert logs.brief(json.dumps(line)) == "model=iris  status=200  Latency=12.5 ms  Requests=1"


def test_a_logged_error_is_a_sentence_when_a_person_reads_it():
    line = {"level": "ERROR", "location": "x:1", "message": "it broke", "route": "infer"}
    assert logs.brief(json.dumps(line)) == "ERROR it broke route=infer"


@pytest.mark.parametrize("text", ["START RequestId: 1", "END RequestId: 1", "REPORT RequestId: 1"])
def test_lines_of_the_platform_are_left_out_when_a_person_reads(text):
    assert logs.brief(text) == ""


@pytest.mark.parametrize("text", ["Traceback (most recent call last):", "17", "[1]"])
def test_other_lines_stay_as_they_are(text):
    assert logs.brief(text) == text
