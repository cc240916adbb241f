"""What each pattern takes of AWS: once, and for each unit of work, counted on the whole stack.

What comes once (starting processes, reading records for the first time) is kept apart from what
comes with each unit; so is what comes with time alone: records at hand are read again every two
seconds by each process that is asked (`record reads`). What requests take in time is the middle one
of several.
"""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from fakes.template import ROOT
from fakes.training import example

from benchmarks.whole_stack import Taken, WholeStack

MB_OF_A_GB = 1024
COUNTED = (
    "requests",
    "invocations",
    "dynamodb reads",
    "dynamodb writes",
    "dynamodb calls",
    "s3 reads",
    "s3 writes",
    "sqs requests",
    "sns requests",
    "events",
    "firehose records",
    "transitions",
)
TIMED = ("lambda ms", "GB-seconds", "logged bytes")
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
CACHE = {"seconds": 3600, "max_entries": 100_000_000}
MISSES, HITS, TABLE_HITS = "cache, a miss", "cache, a hit in memory", "cache, a hit in the table"

Usage = dict[str, float]


@dataclass(frozen=True)
class Pattern:
    """What one pattern takes.

    Attributes:
        unit: What is counted.
        each: For one more unit.
        once: Beside that, for the first ones.
        made: How many units were really made.
        rows: Predicted by a unit; 0 for what predicts none.
        runs: Units that were made and what they took, where more than one number was run.
        by_time: Whether calls come with time too, so that they cannot be held to a budget.
    """

    unit: str
    each: Usage
    once: Usage = field(default_factory=dict)
    made: int = 1
    rows: int = 1
    runs: Mapping[int, Usage] = field(default_factory=dict)
    by_time: bool = False

    def whole(self, units: int) -> Usage:
        """What so many units take: as they were run, or once and so many times each."""
        if units in self.runs:
            return dict(self.runs[units])
        names = {*self.each, *self.once}
        return {n: self.once.get(n, 0.0) + units * self.each.get(n, 0.0) for n in names}

    def calls(self) -> Usage:
        """What is counted and does not hang on the machine, for one more unit.

        Of rows of a file, where one more takes next to nothing, it is what the least file takes.
        """
        unit = self.runs[min(self.runs)] if self.unit == "row" else self.each
        return {name: round(unit[name], 4) for name in COUNTED if unit.get(name)}


def usage(taken: Taken) -> Usage:
    """What was taken, in what is paid for and what is told."""
    units = taken.counts.units
    return {
        "requests": taken.requests,
        "invocations": len(taken.invocations),
        "dynamodb reads": float(units["dynamodb reads"]),
        "record reads": float(units["record reads"]),
        "dynamodb writes": float(units["dynamodb writes"]),
        "dynamodb calls": taken.counts.of("dynamodb"),
        "s3 reads": units["s3 reads"],
        "s3 writes": units["s3 writes"],
        "sqs requests": units["sqs requests"],
        "sns requests": units["sns requests"],
        "events": units["events"],
        "firehose records": units["firehose records"],
        "firehose bytes": units["firehose bytes"],
        "transitions": taken.transitions,
        "lambda ms": sum(each.billed for each in taken.invocations) * 1000,
        "GB-seconds": sum(each.billed * each.memory / MB_OF_A_GB for each in taken.invocations),
        "logged bytes": taken.logged,
    }


def less(one: Mapping[str, float], other: Mapping[str, float], by: float = 1.0) -> Usage:
    """The difference, divided."""
    return {name: (one[name] - other[name]) / by for name in one}


def steady(stack: WholeStack, ask: Callable[[int], Any], times: int = 9, rows: int = 1) -> Pattern:
    """What one request takes of those that are like it, and what the first one took beside that."""
    taken = []
    for number in range(times + 1):
        with stack.taking() as found:
            ask(number)
            stack.drain()
        taken.append(usage(found))
    first, *rest = taken
    each = {
        name: statistics.fmean(u[name] for u in rest)
        if name not in TIMED
        else statistics.median(u[name] for u in rest)
        for name in first
    }
    return Pattern("request", each, less(first, each), times, rows)


def growing(
    stack: WholeStack, run: Callable[[int], Any], sizes: Iterable[int], unit: str, rows: int = 1
) -> Pattern:
    """What one more unit takes, out of runs with ever more of them."""
    runs: dict[int, Usage] = {}
    for size in sizes:
        with stack.taking() as found:
            run(size)
            stack.drain()
        runs[size] = usage(found)
    (small, less_of_it), *_, (large, most) = sorted(runs.items())
    each = less(most, less_of_it, large - small)
    once = {name: runs[small][name] - small * each[name] for name in each}
    return Pattern(unit, each, once, large, rows, runs)


class Subjects:
    """Models on a stack, trained and released when they are first asked for.

    Args:
        stack: Where to.
    """

    def __init__(self, stack: WholeStack) -> None:
        self.stack = stack
        self.bucket = stack.settings.bucket("ArtifactsBucket")
        self.released: set[str] = set()

    def spec(self, name: str) -> dict[str, Any]:
        """The spec of an example, its data in S3."""
        spec, data = example(name)
        key = f"raw/{spec['data']['uri']}"
        self.stack.clients["s3"].put_object(Bucket=self.bucket, Key=key, Body=data)
        return {**spec, "data": {**spec["data"], "uri": f"s3://{self.bucket}/{key}"}}

    def rows(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Rows of an example's data, without what is predicted."""
        spec, data = example(name)
        used = [c["name"] for c in spec["data"]["columns"] if c.get("role", "feature") == "feature"]
        kept = [{key: float(row[key]) for key in used} for row in _table(spec, data)]
        return [kept[index % len(kept)] for index in range(count)]

    def train(self, name: str, number: int = 0, **more: Any) -> None:
        """Train an example."""
        event = {
            "training_id": f"{name}-{number}",
            "origin": "cli",
            "spec": self.spec(name),
            **more,
        }
        done = self.stack.run("BatchTrainingStateMachine", event)
        assert done.status == "SUCCEEDED", (name, done.error, done.cause)
        assert done.output["outcome"] == "registered", (name, done.output)

    def release(self, name: str) -> None:
        """Release what was trained last."""
        self.stack.request("POST", "/models/{model}/releases", {}, model=name)
        done = self.stack.drain()
        assert all(each.status == "SUCCEEDED" for each in done), [each.cause for each in done]

    def have(self, *names: str) -> None:
        """Train and release examples, those that are not there yet."""
        for name in names:
            if name not in self.released:
                self.released.add(name)
                self.train(name)
                if before := example(name)[0].get("pair", {}).get("preprocessor"):
                    self.release(before)
                self.release(name)

    def policies(self, model: str, policies: dict[str, Any]) -> None:
        """Put policies in force; who answers is started anew."""
        known = self.stack.request("GET", "/models/{model}/deployment", model=model)
        change = {"revision": known.get("current", known)["revision"], "policies": policies}
        self.stack.request("POST", "/models/{model}/deployment", change, model=model)
        self.stack.stop("GatewayFunction")

    def graph(self, name: str) -> None:
        """Register an example of a graph."""
        file = ROOT / "infra" / "examples" / "graphs" / f"{name}.yaml"
        self.stack.request("POST", "/graphs", yaml.safe_load(file.read_text()))

    def infer(self, model: str, records: list[dict[str, Any]]) -> Any:
        """Ask the gateway."""
        path = "/v2/models/{model}/infer"
        return self.stack.request("POST", path, {"records": records}, model=model)

    def ask(self, graph: str, records: list[dict[str, Any]]) -> Any:
        """Ask a graph."""
        path = "/v2/graphs/{graph}/infer"
        return self.stack.request("POST", path, {"records": records}, graph=graph)


def _table(spec: dict[str, Any], data: bytes) -> list[dict[str, Any]]:
    """The rows of a data file."""
    if spec["data"]["uri"].endswith(".parquet"):
        import pyarrow.parquet as pq  # noqa: PLC0415 - this one example

        rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(data)).to_pylist()
        return rows
    return list(csv.DictReader(io.StringIO(data.decode())))


def other_flower(number: int) -> dict[str, float]:
    """A flower like no other."""
    return {**FLOWER, "sepal_length": round(1 + number / 1000, 3)}


def requests(subjects: Subjects, times: int = 9) -> dict[str, Pattern]:
    """One row and a thousand, by the gateway and by the page."""
    stack = subjects.stack
    subjects.have("iris", "breast-cancer")
    page, one = {"records": [FLOWER]}, subjects.rows("breast-cancer")
    many = subjects.rows("breast-cancer", 1000)
    return {
        "request": steady(stack, lambda _: subjects.infer("breast-cancer", one), times),
        "request of 1,000 rows": steady(
            stack, lambda _: subjects.infer("breast-cancer", many), times, rows=1000
        ),
        "page": steady(stack, lambda _: stack.request("POST", "/web/predict", page), times),
    }


def caches(subjects: Subjects, times: int = 9) -> dict[str, Pattern]:
    """A cache in front of a model: misses, hits in the table, hits in memory."""
    stack = subjects.stack
    subjects.have("iris")
    subjects.policies("iris", {"cache": CACHE})
    found = {MISSES: steady(stack, lambda n: subjects.infer("iris", [other_flower(n)]), times)}
    stack.stop("GatewayFunction")
    subjects.infer("iris", [other_flower(5000)])  # starts it
    found[TABLE_HITS] = steady(stack, lambda n: subjects.infer("iris", [other_flower(n)]), times)
    found[HITS] = steady(stack, lambda _: subjects.infer("iris", [other_flower(0)]), times)
    subjects.policies("iris", {})
    return found


def limits(subjects: Subjects, times: int = 200) -> dict[str, Pattern]:
    """Limits in front of a model: drawn from a table in slices, renewed as time goes by."""
    stack = subjects.stack
    subjects.have("iris")
    circuit = {
        "rate": {"per_second": 10_000, "burst": 10_000},
        "concurrency": {"at_once": 8, "wait_ms": 50},
        "breaker": {"failures": 5, "open_s": 30},
    }
    subjects.policies("iris", {"circuit": circuit})
    subjects.infer("iris", [FLOWER])
    with stack.taking() as taken:
        for _ in range(times):
            subjects.infer("iris", [FLOWER])
    subjects.policies("iris", {})
    each = {name: amount / times for name, amount in usage(taken).items()}
    return {"request with limits": Pattern("request", each, made=times, by_time=True)}


def graphs(subjects: Subjects, times: int = 9) -> dict[str, Pattern]:
    """Side by side, one after the other, pairs, and rows that are looked up."""
    stack = subjects.stack
    subjects.have("iris-setosa", "iris-versicolor", "iris-virginica")
    subjects.have("wine-cultivar", "wine-flavanoids-1", "wine-flavanoids-2", "wine-flavanoids-3")
    subjects.have("breast-cancer-pair", "breast-cancer")
    wine = [{**subjects.rows("wine-cultivar")[0], **subjects.rows("wine-flavanoids-1")[0]}]
    biopsy = subjects.rows("breast-cancer")
    for name in ("iris-rest", "wine-flavanoids", "breast-cancer-linear", "breast-cancer-proxy"):
        subjects.graph(name)
    subjects.graph("breast-cancer-lookup")
    data = {f"b{number:03}": biopsy[0] for number in range(2 * times + 2)}
    stack.request("POST", "/entities/{entity}", {"rows": data}, entity="biopsy")
    asked = {
        "graph side by side, 3 models": ("iris-rest", lambda _: [FLOWER]),
        "graph in a line, 2 models": ("wine-flavanoids", lambda _: wine),
        "pair, the preprocessor asks": ("breast-cancer-linear", lambda _: biopsy),
        "pair, the graph looks up and asks": (
            "breast-cancer-proxy",
            lambda _: [{"biopsy": "b000"}],
        ),
        "look-up, another key": ("breast-cancer-lookup", lambda n: [{"biopsy": f"b{n:03}"}]),
        "look-up, the same key": ("breast-cancer-lookup", lambda _: [{"biopsy": "b000"}]),
    }
    return {
        name: steady(stack, lambda n, graph=graph, rows=rows: subjects.ask(graph, rows(n)), times)
        for name, (graph, rows) in asked.items()
    }


def jobs(subjects: Subjects, sizes: Iterable[int] = (1, 100, 200)) -> dict[str, Pattern]:
    """Requests that are answered later, in one burst."""
    stack = subjects.stack
    subjects.have("iris")
    body = {"records": [FLOWER]}

    def submit(count: int) -> None:
        for _ in range(count):
            stack.request("POST", "/v2/models/{model}/jobs", body, model="iris")

    submit(1)
    stack.drain()
    return {"job": growing(stack, submit, sizes, "job")}


def graph_jobs(subjects: Subjects, sizes: Iterable[int] = (1, 10, 40)) -> dict[str, Pattern]:
    """Requests to a graph that are answered later, in one burst."""
    stack = subjects.stack
    subjects.have("iris-setosa", "iris-versicolor", "iris-virginica")
    subjects.graph("iris-rest")
    body = {"records": [FLOWER]}

    def submit(count: int) -> None:
        for _ in range(count):
            stack.request("POST", "/v2/graphs/{graph}/jobs", body, graph="iris-rest")

    submit(1)
    stack.drain()
    return {"job of a graph, 3 models": growing(stack, submit, sizes, "job")}


def staged(subjects: Subjects, times: int = 9) -> dict[str, Pattern]:
    """A light answer at once, a heavy one as a job."""
    light, heavy = "digits-light", "digits-heavy"
    subjects.have(light, heavy)
    rows = [{**subjects.rows(light)[0], **subjects.rows(heavy)[0]}]
    path = "/v2/models/{model}/staged"

    def ask(_: int) -> None:
        subjects.stack.request("POST", path, {"records": rows}, model=light)

    return {"request in two stages": steady(subjects.stack, ask, times)}


def batches(subjects: Subjects, sizes: Iterable[int] = (1, 1000, 1_000_000)) -> dict[str, Pattern]:
    """Files of so many rows, really predicted, and what one more of their chunks takes."""
    stack = subjects.stack
    subjects.have("iris")
    bucket = stack.settings.bucket("ExchangeBucket")
    chunks: dict[int, int] = {}

    def drop(rows: int) -> None:
        key, content = f"inbox/iris/{rows}.csv", flowers_as_csv(rows)
        put = stack.clients["s3"].put_object(Bucket=bucket, Key=key, Body=content)
        detail = {"key": key, "size": len(content), "etag": put["ETag"].strip('"')}
        detail["version-id"] = put["VersionId"]
        event = {"id": f"e{rows}", "detail": {"bucket": {"name": bucket}, "object": detail}}
        stack.invoke("BatchStartFunction", event)
        done = stack.drain()
        assert [each.status for each in done] == ["SUCCEEDED"], [each.cause for each in done]
        chunks[rows] = len(done[0].children)

    drop(2)
    whole = growing(stack, drop, sizes, "row")
    *_, small, large = sorted(whole.runs)
    more = chunks[large] - chunks[small]
    assert more > 0, chunks
    each = less(whole.runs[large], whole.runs[small], more)
    return {
        "batch": whole,
        "chunk of a batch": Pattern("chunk", each, made=chunks[large], rows=large // chunks[large]),
    }


def flowers_as_csv(rows: int) -> bytes:
    """A file for the model `iris`."""
    lines = (b"%d.%d,3.5,1.4,0.%d\n" % (4 + n % 4, n % 10, n % 9 + 1) for n in range(rows))
    return b"sepal_length,sepal_width,petal_length,petal_width\n" + b"".join(lines)


def trainings(subjects: Subjects, runs: int = 3) -> dict[str, Pattern]:
    """Trainings of one model, releases of what they made, and trials of a search."""
    stack = subjects.stack
    subjects.have("iris")
    counts = []
    for number in range(1, runs + 1):
        with stack.taking() as trained:
            subjects.train("iris", number, retrain=number)
        with stack.taking() as released:
            subjects.release("iris")
        counts.append((usage(trained), usage(released)))
    trained_each, released_each = counts[-1]
    return {
        "training": Pattern("training", trained_each, made=runs, rows=0),
        "release without stages": Pattern("release", released_each, made=runs, rows=0),
        "trial of a search": _search(subjects),
    }


def _search(subjects: Subjects, sizes: Sequence[int] = (2, 6)) -> Pattern:
    stack = subjects.stack
    linear = "sklearn.linear_model.LogisticRegression"
    points = {"C": {"float": [0.01, 10.0], "log": True}, "max_iter": 1000}

    def search(trials: int) -> None:
        rules = {"algorithm": "random", "trials": trials, "at_once": 2, "folds": 3, "seed": 5}
        candidates = [{"class": linear, "params": points}]
        spec = {**subjects.spec("iris"), "search": {**rules, "candidates": candidates}}
        stack.request("POST", "/models/{model}/searches", {"spec": spec}, model="iris")
        done = stack.drain()
        assert [each.status for each in done] == ["SUCCEEDED"], [each.cause for each in done]

    search(1)
    found = growing(stack, search, sizes, "trial", rows=0)
    with stack.taking() as once:
        search(max(sizes))
    trials = [each for each in once.invocations if each.function == "SearchRunTrialFunction"]
    seconds = statistics.median(each.billed for each in trials)
    timed = {"lambda ms": seconds * 1000, "GB-seconds": seconds * trials[0].memory / MB_OF_A_GB}
    return replace(found, each={**found.each, **timed})
