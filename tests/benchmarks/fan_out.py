"""What a graph adds to its slowest member, for models side by side that take 50 ms each.

What is real: the edge, the engine, its threads, the client of Lambda with its connections, and
the JSON on the way. What is simulated: Lambda, an HTTP server on loopback (in a process of
its own, so that it does not share the interpreter) that answers each call after its time; the
registry is in memory. The wall time of a request to the graph is put against the 50 ms that
every call takes there; a graph of one model is measured for comparison.

    PYTHONPATH=layers/core:infra:tests python -m benchmarks.fan_out [--requests 40]
        [--rows 1] [--client botocore]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.config import Config
from fakes.graph_plant import Plant, values
from servery.adapters.kept_connections import KeptConnections
from servery.adapters.lambda_model_servers import LambdaModelServers
from servery.adapters.lean_lambda import LeanLambda
from servery.adapters.sigv4 import Credentials
from servery.adapters.thread_crew import ThreadCrew
from servery.usecases.graph.asking import GraphAsker
from servery.usecases.graph.calling import ModelCaller
from servery.wiring.settings import SystemClock

MEMBER_SECONDS = 0.05
FAN_OUTS = (1, 2, 4, 8)
GOAL = 1.3
WARM_UP = 3


def serve(pipe: Any) -> None:
    """Answer calls of Lambda, each a twentieth of a second after it came in."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    pipe.send(listening.getsockname()[1])
    while True:
        connection, _ = listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_talk, args=(connection,), daemon=True).start()


def _talk(connection: socket.socket) -> None:
    stream = connection.makefile("rb")
    while stream.readline():
        came, length = time.perf_counter(), 0
        while (line := stream.readline().strip()) and line:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        rows = json.loads(json.loads(stream.read(length))["body"])["records"]
        predictions = [{"value": row["x"], "unit": "1", "model_version": "v"} for row in rows]
        body = {"predictions": predictions}
        reply = {"status": 200, "body": json.dumps(body), "model_version": "v", "model_ms": 50.0}
        content = json.dumps(reply).encode()
        time.sleep(max(0.0, came + MEMBER_SECONDS - time.perf_counter()))
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        connection.sendall(head % len(content) + content)


@contextlib.contextmanager
def lambda_on_loopback() -> Iterator[str]:
    """Where calls of Lambda are answered."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs,), daemon=True
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _botocore(url: str) -> Callable[[float], Any]:
    return lambda seconds: boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="benchmark",
        aws_secret_access_key="benchmark",
        config=Config(read_timeout=seconds, max_pool_connections=32),
    )


def _lean(url: str) -> Callable[[float], Any]:
    return LeanLambda(
        connections=KeptConnections(url),
        region="eu-central-1",
        credentials=lambda: Credentials("benchmark", "benchmark"),
        clock=SystemClock(),
    ).within


CLIENTS = {"lean": _lean, "botocore": _botocore}


def plant_of(members: int, url: str, kind: str) -> Plant:
    """A graph of so many members, whose servers are called for real."""
    plant = Plant()
    for index in range(members):
        plant.model(f"model-{index}", values(lambda row: row["x"]))
    names = [f"m{index}" for index in range(max(2, members))]
    declared = [
        {"name": name, "model": f"model-{index % members}", "score": "value"}
        for index, name in enumerate(names)
    ]
    step = {"name": "team", "group": {"members": declared, "aggregate": "mean"}}
    if members == 1:
        step = {"name": "team", "model": "model-0"}
        names = ["team"]
    plant.graph({"steps": [step]}, {name: {"x": "request.x"} for name in names}, "x:float")

    servers = LambdaModelServers(CLIENTS[kind](url), times=(29.0,))
    servers.prepare(29.0)
    caller = ModelCaller(plant, servers, time.monotonic)
    graphs = type("Graphs", (), {"get": staticmethod(plant.get_graph)})()
    plant.asker = lambda: GraphAsker(graphs, caller, plant, ThreadCrew)
    return plant


def measure(members: int, url: str, kind: str, requests: int, rows: int) -> list[float]:
    """Milliseconds of each request, the first few left out."""
    plant = plant_of(members, url, kind)
    api = plant.api()
    body = json.dumps({"records": [{"x": float(row)} for row in range(rows)]})
    event = {"httpMethod": "POST", "path": "/v2/graphs/g/infer", "headers": {}, "body": body}
    taken = []
    for _ in range(requests + WARM_UP):
        started = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            response = api.serve(event)
        taken.append((time.perf_counter() - started) * 1000)
        if response["statusCode"] != 200:
            raise SystemExit(response["body"])
    return taken[WARM_UP:]


def main() -> None:
    """Print one line for each fan-out."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--client", choices=CLIENTS, default="lean")
    asked = parser.parse_args()
    out = sys.stdout.write
    out(f"a member takes {MEMBER_SECONDS * 1000:.0f} ms; {asked.rows} rows a request\n")
    out("members | p50 ms | p95 ms | p50 / member | p95 / member | goal\n")
    with lambda_on_loopback() as url:
        for members in FAN_OUTS:
            taken = measure(members, url, asked.client, asked.requests, asked.rows)
            middle = statistics.median(taken)
            high = sorted(taken)[int(len(taken) * 0.95) - 1]
            ratios = middle / (MEMBER_SECONDS * 1000), high / (MEMBER_SECONDS * 1000)
            out(
                f"{members:7} | {middle:6.1f} | {high:6.1f} | {ratios[0]:12.2f} | "
                f"{ratios[1]:12.2f} | {'<=' if ratios[0] <= GOAL else '>'} {GOAL}\n"
            )


if __name__ == "__main__":
    main()
