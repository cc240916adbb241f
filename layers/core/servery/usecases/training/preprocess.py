"""Preprocess: hold out test rows, store both parts, describe the training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from servery.domain.digest import digest_bytes
from servery.domain.spec_rules import read_spec
from servery.usecases.training import keys
from servery.usecases.training.messages import Preprocessed, PreprocessEvent
from servery.usecases.training.split import ASSIGNMENT, digest_split, held_out
from servery.usecases.training.statistics import baseline

if TYPE_CHECKING:
    from servery.domain.columns import DataSets
    from servery.ports import ObjectStore


def preprocess(event: PreprocessEvent, *, store: ObjectStore, datasets: DataSets) -> Preprocessed:
    """Store training and test rows apart, under the digest of who went where.

    What changes the features (imputing, scaling, encoding) is part of the model's own graph and
    is fitted with it, so that serving does the very same.

    Raises:
        InvalidInputError: there are too few rows, or too few of a class.
    """
    spec, dataset = read_spec(event.spec), event.collect.dataset
    columns = datasets.read(keys.dataset(dataset, "data.npz"))
    test = held_out(spec, columns[spec.data.target].values)
    split = digest_split(dataset, test)
    train_columns = {name: values.take(~test) for name, values in columns.items()}
    test_columns = {name: values.take(test) for name, values in columns.items()}
    size = datasets.write(keys.split(dataset, split, "train.npz"), train_columns)
    datasets.write(keys.split(dataset, split, "test.npz"), test_columns)
    # Which row is on which side: with it the digest of the split can be checked by anybody.
    store.put(keys.split(dataset, split, ASSIGNMENT), test.tobytes())
    described = msgspec.json.encode(baseline(spec, train_columns))
    # Named by its content: another spec may read the same rows with other categories.
    digest = digest_bytes(described)
    store.put(keys.split(dataset, split, f"baseline-{digest}.json"), described)
    return Preprocessed(
        split=split,
        train_rows=int((~test).sum()),
        test_rows=int(test.sum()),
        baseline=digest,
        train_bytes=size,
    )
