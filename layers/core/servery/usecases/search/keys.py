"""Where the files of a search lie in the artifacts bucket."""

from __future__ import annotations


def spec(search: str) -> str:
    """What was asked for."""
    return f"searches/{search}/spec.json"


def winner(search: str) -> str:
    """The spec that was chosen."""
    return f"searches/{search}/winner.json"


def lanes(search: str, number: int) -> str:
    """The trials of a round, in lanes: the items of the map."""
    return f"searches/{search}/rounds/{number:05d}.json"


def train_rows(dataset: str, split: str) -> str:
    """The training rows, which are all that a search sees."""
    return f"datasets/{dataset}/{split}/train.npz"
