"""Plan holds no more of a large file than of a small one, whatever way it reads it."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest
from fakes.batches import MemoryFiles
from fakes.planning import PlanningDesk, csv_of
from servery.usecases.batch.cutting import Sizes

MB = 1_000_000


class ForgetfulFiles(MemoryFiles):
    """Does not keep staged pieces, which would count as memory of the plan."""

    staged = 0

    def put(self, key: str, content: bytes) -> None:
        self.staged += len(content) if "/staged/" in key else 0
        super().put(key, b"" if "/staged/" in key else content)


def peak(size: int, way: str) -> int:
    content = csv_of(size // 16, row='5.1,3.5,"1.4",0.2' if way != "windows" else "5.1,3.5,1.4,0.2")
    files = ForgetfulFiles()
    desk = PlanningDesk(files=files, sizes=Sizes(target=MB))
    packed = way == "gzip"
    name, dropped = ("f.csv.gz", gzip.compress(content, 1)) if packed else ("f.csv", content)
    batch = desk.batch(name, dropped)
    tracemalloc.start()
    try:
        desk.plan(batch, exact=way == "exactly")
        assert not packed or files.staged > 0.9 * size
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("way", ["windows", "exactly", "gzip"])
@pytest.mark.slow
def test_memory_does_not_grow_when_the_file_does(way):
    small, large = peak(4 * MB, way), peak(16 * MB, way)

    assert large < 1.1 * small + MB
    assert large < 12 * MB
