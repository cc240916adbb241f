"""The first answer of each front function: what it takes of AWS, it takes without boto3."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing

import pytest
from benchmarks.front_start import READS, USUAL, EmptyTables, event, fronts, subject
from benchmarks.one_function import _environment

FRONTS = fronts()
BODY = json.dumps({"records": [{"x": 1.0}]})
PROGRAM = """
import importlib, json, sys
class Context:
    aws_request_id = "r-1"
    def get_remaining_time_in_millis(self):
        return 30000
answer = importlib.import_module(sys.argv[1]).handler(json.load(sys.stdin), Context())
told = {"status": answer["statusCode"], "boto3": "boto3" in sys.modules, "body": answer["body"]}
print(json.dumps(told))
"""


def test_every_front_function_is_asked_when_they_are_measured():
    assert {*FRONTS, USUAL} == {*READS}


@pytest.mark.parametrize("name", FRONTS)
def test_first_answer_is_read_without_boto3_when_a_table_has_nothing(name):
    asked = subject(FRONTS[name])
    with closing(EmptyTables()) as tables:
        there = {**_environment(asked, "127.0.0.1:1"), "AWS_ENDPOINT_URL": tables.url}
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, asked.handler.split(".", maxsplit=1)[0]],
            cwd=asked.folder,
            env=there,
            input=event(*READS[name], BODY if name == "MultiStage" else None),
            capture_output=True,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr.decode()
    told = json.loads(ended.stdout.splitlines()[-1])
    assert (told["status"], told["boto3"]) == (404, False), told["body"]
    assert tables.asked
