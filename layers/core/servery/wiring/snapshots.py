"""SnapStart: what a process leaves behind when it becomes a snapshot, and renews after that.

Lambda brings a published version up once and keeps the memory of that process; every execution
environment of the version begins with a copy of it, hours or weeks later, many at the same time.
What a copy must not share with the others, or what is too old by then, is dropped or drawn anew.

    let_go(pool.clear)                      # whoever opens something, where it is made
    hook(before=warm, after=count_anew)     # the function, once, when it is imported

Ages are told by the wall clock wherever something is kept for longer than a request: the
monotonic clock of a copy goes on from that of the snapshot. Ids and secrets come from the
operating system, whose randomness is renewed with the machine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

_SEED_BYTES = 48
_kept: list[Callable[[], object]] = []


def let_go(drop: Callable[[], object]) -> None:
    """Have something dropped before a snapshot is taken, and again in each copy of it.

    Args:
        drop: Closes or forgets; what it is of opens or reads again when it is next used.
    """
    _kept.append(drop)


def hook(*, before: Callable[[], object], after: Callable[[], object]) -> None:
    """Have Lambda call this process before its snapshot is taken, and each copy of it.

    Where there are no snapshots nobody calls: on other clouds, and on AWS with SnapStart off.

    Args:
        before: What makes the first request cheap is done in it; may open connections.
        after: What of the function itself begins anew.
    """
    try:
        from snapshot_restore_py import register_after_restore, register_before_snapshot
    except ImportError:  # the runtime brings it
        return
    register_before_snapshot(_leave, before)
    register_after_restore(_begin, after)


def _leave(before: Callable[[], object]) -> None:
    before()
    _drop_all()


def _begin(after: Callable[[], object]) -> None:
    _drop_all()
    _draw_anew()
    after()


def _drop_all() -> None:
    for drop in _kept:
        drop()


def _draw_anew() -> None:
    """Seed what draws by itself; a module that is imported later seeds itself."""
    for name in ("random", "numpy.random"):  # from whose global generators estimators draw
        if name in sys.modules:
            sys.modules[name].seed()
    if "ssl" in sys.modules:  # which makes the keys of connections
        sys.modules["ssl"].RAND_add(os.urandom(_SEED_BYTES), float(_SEED_BYTES))
