"""The items of the cache's table: rows, and flights.

| pk | row | answer | floats | version | at | expires_at |
| --- | --- | --- | --- | --- | --- | --- |
| model#slot, model#last#key | the key | JSON of the answer | datatype | who answered | when | TTL |

A flight is `pk` model#flight#digest, with `holder`, `until` and `expires_at`.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from math import ceil

from servery.domain.answered_rows import AnsweredRow
from servery.domain.cached_rows import CachedRow

Item = dict[str, dict[str, str]]


def key_of(place: str) -> Item:
    """The key of the item at a place."""
    return {"pk": {"S": place}}


def item_of(row: CachedRow) -> Item:
    """The item of a row."""
    return {
        **key_of(row.place),
        "row": {"B": b64encode(row.key).decode()},
        "answer": {"S": row.answered.answer.decode()},
        "floats": {"S": row.answered.floats},
        "version": {"S": row.version},
        "at": {"N": repr(row.at)},
        "expires_at": {"N": str(ceil(row.expires))},
    }


def row_of(item: Item) -> CachedRow | None:
    """The row of an item; None for what is none, or cannot be read."""
    try:
        return CachedRow(
            item["pk"]["S"],
            b64decode(item["row"]["B"]),
            AnsweredRow(item["answer"]["S"].encode(), item["floats"]["S"]),
            float(item["at"]["N"]),
            float(item["expires_at"]["N"]),
            item["version"]["S"],
        )
    except (KeyError, ValueError):
        return None
