"""What a look counts of the lake, line by line; what it holds does not grow with the lines."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import msgspec

from servery.domain.baseline import CategoricalBaseline, NumericBaseline
from servery.domain.canonical import Canonical
from servery.domain.personal import OUTPUT, is_masked
from servery.domain.predicted import Class, Predicted
from servery.domain.sampling import in_sample
from servery.usecases.monitoring.watch.columns import NumberColumn, Table, as_text, column_of
from servery.usecases.monitoring.watch.lines import Seen, Unread, WatchLine
from servery.usecases.monitoring.watch.masked import Rows, masked_fields, read_masked
from servery.usecases.monitoring.watch.question import Asked
from servery.usecases.monitoring.watch.windows import Windows

PREDICTION = "prediction"
MOST_INPUTS = 20_000
"""Inputs that are counted at a time; one is counted too low by one in so many at the most."""
LATENCY_STEP = math.log(1.02)
"""Latencies are known to two per cent."""

_BAD_REQUEST, _TOO_MANY, _SERVER_ERROR = 400, 429, 500

Labels = MutableMapping[str, Mapping[int, Class]]


@dataclass(slots=True)
class Slice:
    """What is in a window and in no shorter one; only requests that are in the sample.

    Attributes:
        requests: For the version: that it answered, that failed, or that another stood in for.
        failed: Of them those that ended with a 5xx, or that another stood in for.
        refused: Of them those that were the caller's fault.
        answered: Of them those that the version itself answered.
        slow: Of those the ones that took longer than the bound.
        inputs: Of those the ones whose rows could be read.
        predictions: Of those the ones whose predictions could be read.
        labelled: Of those the ones with a label, outside the sample too.
        scored: Sum over them of the share of hits, or of the mean squared error.
        squares: Sum over them of its square.
        every: Requests for the model, whoever answered.
    """

    requests: int = 0
    failed: int = 0
    refused: int = 0
    answered: int = 0
    slow: int = 0
    inputs: int = 0
    predictions: int = 0
    labelled: int = 0
    scored: float = 0.0
    squares: float = 0.0
    every: int = 0


class Tally:
    """Counts lines.

    Args:
        asked: What is looked at.
        windows: Its windows.
        labels: By request and row; a request that is found is taken out.

    Attributes:
        slices: One for each window.
        features: The inputs.
        answers: What was predicted, the column `prediction`.
        inputs: How often each input was asked, by window: digest to requests.
        latencies: Answers by window: step of the latency's logarithm to requests.
        hours: Requests for the model by hour, `2026-03-01T12`, in the sample.
        recent: Sampled lines since `no_data_hours`.
        masked: Features, or the target, that the log has hashed or not at all.
        unread: What could not be read.
    """

    def __init__(self, asked: Asked, windows: Windows, labels: Labels) -> None:
        count = len(windows.begins)
        base = asked.baseline
        given: dict[str, NumericBaseline | CategoricalBaseline] = {
            **base.numeric,
            **base.categorical,
        }
        names = [field.name for field in asked.signature.inputs if field.name in given]
        columns = {name: column_of(given[name], count) for name in names}
        answers = _with_classes(base.predictions, asked)
        predicted = column_of(answers, count) if answers else None
        self.slices = [Slice() for _ in range(count)]
        self.features = Table({n: column for n, column in columns.items() if column})
        self.answers = Table({PREDICTION: predicted} if predicted else {})
        self.inputs: list[Counter[bytes]] = [Counter() for _ in range(count)]
        self.latencies: list[Counter[int]] = [Counter() for _ in range(count)]
        self.hours: Counter[str] = Counter()
        self.recent = 0
        self.masked: set[str] = set()
        self.unread = Unread()
        self._asked, self._windows, self._labels = asked, windows, labels
        self._canonical = Canonical(asked.signature, asked.limits)
        self._seen = Seen()
        self._since_recent = asked.until.timestamp() - asked.rules.no_data_hours * 3600

    def add(self, line: WatchLine) -> None:
        """Count a line; one that was there before counts for nothing."""
        at = datetime.fromisoformat(line.time).timestamp()
        place = self._windows.place(at)
        if place is None or self._seen.again(line):
            return
        found = self.slices[place]
        own = line.model_version == self._asked.version and line.own
        if own and line.request_id in self._labels:
            self._score(found, line)
        if not in_sample(line.request_id, self._asked.sample):
            return
        found.every += 1
        self.hours[line.time[:13]] += 1
        self.recent += at >= self._since_recent
        if not (line.stood_in or line.model_version in {self._asked.version, ""}):
            return
        found.requests += 1
        caller = _BAD_REQUEST <= line.status < _SERVER_ERROR
        found.refused += caller and line.status != _TOO_MANY
        found.failed += not caller and (line.status >= _SERVER_ERROR or line.stood_in)
        if own:
            self._answered(place, line)

    def whole(self) -> None:
        """Count what is still on its way into the columns."""
        self.features.flush()
        self.answers.flush()

    def _answered(self, place: int, line: WatchLine) -> None:
        found = self.slices[place]
        found.answered += 1
        found.slow += line.latency_ms > self._asked.slowest_ms
        self.latencies[place][round(math.log(max(line.latency_ms, 0.01)) / LATENCY_STEP)] += 1
        if place >= self._windows.drift:
            return
        self._count_input(place, line)
        predicted = line.predicted()
        values = None if predicted is None else self._comparable(predicted)
        if is_masked(OUTPUT, line.masked):
            self.masked.add(self._asked.signature.output.name)
        elif values:
            found.predictions += 1
            self.answers.add(place, len(values), {PREDICTION: values})
        else:
            self.unread.outputs += 1

    def _count_input(self, place: int, line: WatchLine) -> None:
        content = bytes(line.input)
        if content == b"null":
            self.unread.hidden += 1
            return
        rows = self._rows(content, masked_fields(line.masked))
        if rows is None:
            self.unread.inputs += 1
            return
        self.slices[place].inputs += 1
        self.features.add(place, rows.count, rows.columns)
        counted = self.inputs[place]
        counted[rows.digest] += 1
        if len(counted) > MOST_INPUTS:
            self.inputs[place] = thinned(counted)

    def _rows(self, content: bytes, masked: list[str]) -> Rows | None:
        """The rows of a body, in one form for all that the model reads as the same."""
        if masked:
            self.masked.update(masked)
            for name in masked:
                self.features.drop(name)
            return read_masked(content, self._asked.signature, masked)
        reading = self._canonical.read(content)
        if reading is None:
            return None
        digest = blake2b(b"".join(reading.rows), digest_size=16).digest()
        return Rows(len(reading.rows), reading.columns, digest)

    def _comparable(self, predicted: Predicted) -> list[Class] | None:
        """The values that go with the baseline's predictions; None where they are of no kind."""
        column = self.answers.columns.get(PREDICTION)
        if isinstance(column, NumberColumn):
            numbers = predicted.numbers or []
            return [row[0] for row in numbers] if all(len(row) == 1 for row in numbers) else None
        return predicted.classes if column is not None else None

    def _score(self, found: Slice, line: WatchLine) -> None:
        """Score the labelled rows of a request; one whose id is used again has none any more."""
        labels, predicted = self._labels.pop(line.request_id), line.predicted()
        if predicted is None:
            return
        scores = [predicted.score(row, label) for row, label in labels.items()]
        known = [score for score in scores if score is not None]
        if known:
            mean = sum(known) / len(known)
            found.labelled += 1
            found.scored += mean
            found.squares += mean * mean


def thinned(counted: Counter[bytes]) -> Counter[bytes]:
    """Counts lowered by one, those of nought left out (Misra and Gries, 1982)."""
    return Counter({key: count - 1 for key, count in counted.items() if count > 1})


def _with_classes(
    answers: NumericBaseline | CategoricalBaseline | None, asked: Asked
) -> NumericBaseline | CategoricalBaseline | None:
    """The held-out predictions with a place for classes that none of them was."""
    if not isinstance(answers, CategoricalBaseline):
        return answers
    classes = {as_text(each): 0 for each in asked.signature.output.classes or ()}
    more = {} if answers.other else classes
    known = answers.frequencies
    return msgspec.structs.replace(answers, frequencies=known | more | known)
