"""Several jobs at once, given up at once when one fails or somebody presses Ctrl-C."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Result = TypeVar("Result")
_LOOK_SECONDS = 0.1


def side_by_side(jobs: Mapping[str, Callable[[], Result]]) -> dict[str, Result]:
    """Run jobs in threads of their own and wait for all of them.

    The first error is raised at once, as is an interruption; the other jobs are left to
    themselves and end with the process at the latest. (An executor would wait for them.)

    Returns:
        Name to result, in the order of the jobs.
    """
    results: dict[str, Result] = {}
    errors: list[BaseException] = []

    def run(name: str, job: Callable[[], Result]) -> None:
        try:
            results[name] = job()
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=run, args=(name, job), daemon=True) for name, job in jobs.items()
    ]
    for thread in threads:
        thread.start()
    while not errors and any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(_LOOK_SECONDS)
    if errors:
        raise errors[0]
    return {name: results[name] for name in jobs}
