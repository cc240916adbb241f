"""Rows that were predicted, and labelled since, are trained on where a spec wants that."""

from __future__ import annotations

import msgspec
import pytest
from fakes.clock import SetClock
from fakes.lake_log import MemoryLake
from fakes.object_store import MemoryObjectStore
from servery.adapters.npz_datasets import NpzDataSets
from servery.domain.columns import digest_columns
from servery.usecases.training.collect import DatasetRecord, Labelled, collect
from servery.usecases.training.messages import CollectEvent
from servery.wiring.training import table_reader

URI = "s3://raw/flowers.csv"
CSV = b"length,kind\n1.0,a\n2.0,b\n"


def a_spec(**retrain):
    return {
        "name": "iris",
        "owner": "tests",
        "task": "classification",
        "description": "x",
        "data": {
            "uri": URI,
            "format": "csv",
            "target": "kind",
            "columns": [
                {"name": "length", "dtype": "float", "unit": "cm", "range": [0, 10]},
                {
                    "name": "kind", "dtype": "string", "role": "target", "unit": "1",
                    "categories": ["a", "b"],
                },
            ],
        },
        "estimator": {"class": "sklearn.linear_model.LogisticRegression"},
        "metric": "accuracy",
        "retrain": retrain,
    }  # fmt: skip


class Room:
    def __init__(self):
        self.lake = MemoryLake()
        self.store = MemoryObjectStore()
        self.store.elsewhere[URI] = CSV
        self.datasets = NpzDataSets(self.store)
        self.count = 0

    def ask(self, labels, input_, status=200):
        self.count += 1
        time, request = f"2026-03-01T10:00:{self.count:02d}Z", f"r{self.count}"
        self.lake.add(
            "predictions", model="iris", request_id=request, time=time, status=status, input=input_
        )
        for row, label in labels.items():
            self.lake.add(
                "labels", model="iris", request_id=request, row=row, label=label, time=time
            )

    def rows(self, **retrain):
        spec = a_spec(**retrain)
        done = collect(
            CollectEvent(training_id="t", spec=spec),
            store=self.store,
            datasets=self.datasets,
            reader=table_reader,
            labelled=lambda: Labelled(self.lake, SetClock()),
        )
        columns = self.datasets.read(f"datasets/{done.dataset}/data.npz")
        assert digest_columns(columns) == done.dataset
        record = self.store.get(f"datasets/{done.dataset}/dataset.json")
        self.record = msgspec.json.decode(record, type=DatasetRecord)
        kinds = columns["kind"].values.tolist()
        return list(zip(columns["length"].values.tolist(), kinds, strict=True))


@pytest.fixture
def room():
    return Room()


def test_labelled_rows_are_added_when_the_spec_wants_them(room):
    room.ask({0: "b", 1: "a"}, {"records": [{"length": 5.0}, {"length": 6.0}, {"length": 7.0}]})
    tensor = {"name": "length", "shape": [1, 1], "datatype": "FP32", "data": [8]}
    room.ask({0: "a"}, {"inputs": [tensor]})
    assert room.rows() == [(1.0, "a"), (2.0, "b")]
    assert room.rows(add_labelled=True) == [
        (1.0, "a"), (2.0, "b"), (5.0, "b"), (6.0, "a"), (8.0, "a"),
    ]  # fmt: skip
    assert (room.record.rows, room.record.labelled) == (2, 3)


def test_row_is_there_once_when_it_was_asked_twice_or_trained_on_before(room):
    for length in (5.0, 5.0, 1.0):
        room.ask({0: "a"}, {"records": [{"length": length}]})
    assert room.rows(add_labelled=True) == [(1.0, "a"), (2.0, "b"), (5.0, "a")]


@pytest.mark.parametrize(
    "input_",
    [
        None,
        {"records": [{"length": "long"}]},
        {"records": [{"length": 11.0}]},
        {"records": [{"width": 1.0}]},
        {"records": [{}]},
        {"records": []},
        {"inputs": []},
        {"text": "x"},
    ],
)
def test_row_is_passed_over_when_it_is_not_as_the_spec_wants_it(room, input_):
    room.ask({0: "a"}, input_)
    room.ask({0: "b"}, {"records": [{"length": 5.0}]})
    assert room.rows(add_labelled=True) == [(1.0, "a"), (2.0, "b"), (5.0, "b")]
    assert room.record.rejected == 0


def test_row_is_passed_over_when_its_label_is_no_class_or_its_request_failed(room):
    room.ask({0: "c"}, {"records": [{"length": 5.0}]})
    room.ask({0: 1}, {"records": [{"length": 5.5}]})
    room.ask({0: "a"}, {"records": [{"length": 6.0}]}, status=500)
    assert room.rows(add_labelled=True) == [(1.0, "a"), (2.0, "b")]


def test_last_label_holds_when_a_row_was_labelled_twice(room):
    room.ask({0: "a"}, {"records": [{"length": 5.0}]})
    room.lake.add(
        "labels", model="iris", request_id="r1", row=0, label="b", time="2026-03-01T11:00:00Z"
    )
    assert room.rows(add_labelled=True)[-1] == (5.0, "b")


def test_nothing_is_added_when_a_row_is_older_than_is_read(room):
    room.ask({0: "a"}, {"records": [{"length": 5.0}]})
    room.lake.written = {(t, m, "2026-01-20"): v for (t, m, _), v in room.lake.written.items()}
    assert len(room.rows(add_labelled=True)) == 2
    assert len(room.rows(add_labelled=True, labelled_days=60)) == 3
