"""Plans Parquet files by their row groups; of the rows nothing is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from servery.domain.chunks import Chunk, chunk_name
from servery.usecases.batch.header import check_names, check_types

if TYPE_CHECKING:
    from servery.domain.batches import Source
    from servery.domain.packing import RowGroup
    from servery.ports import RowGroups
    from servery.usecases.batch.cutting import Sizes
    from servery.usecases.batch.desk import Cut, Desk


def cut_parquet(desk: Desk, row_groups: RowGroups) -> Cut:
    """Chunks of whole row groups, or of some rows of one.

    A model server reads the features in the order of its signature. Where the parts become
    Parquet, the columns that are passed through do not travel as text: a row says its number,
    and its ids are found by that with the types of the source.

    Raises:
        MalformedError: it is no Parquet file, or a damaged one.
        InvalidInputError: its columns, or their types, do not fit.
        TooLargeError: it has more rows than can be cut up, whatever its size is.
    """
    source, columns = desk.batch.source, desk.columns
    footer = row_groups.footer(source)
    names = [column.name for column in footer.columns]
    check_names(names, columns)
    ids = columns.passed(names)
    check_types(footer.columns, columns, ids)
    features = [field.name for field in columns.features]
    row = _unused(names)
    packs = bool(desk.packs and ids)
    header = features if packs else [*dict.fromkeys([*features, *ids])]
    if packs or len(header) == 1:
        header = [*header, row]  # alone, a null would be an empty line, which is no row
    groups = footer.groups({*features, *ids})
    chunks = [*_chunks(source, groups, desk.sizes_for(0))]
    return desk.made(chunks, "csv", header, ids, exact=True, row=row if packs else "")


def _chunks(source: Source, groups: Sequence[RowGroup], sizes: Sizes) -> Iterator[Chunk]:
    """Small groups together, of large ones some rows at a time."""
    total = sum(group.size for group in groups)
    size = sizes.chunk(total)
    most = max(sizes.rows, -(-sum(group.rows for group in groups) // sizes.most))
    for index, (first, last, rows) in enumerate(_spans(groups, size, most)):
        yield Chunk(
            name=chunk_name(index),
            bucket=source.bucket,
            key=source.key,
            version_id=source.version_id,
            etag=source.etag,
            end=source.size,
            groups=(first, last),
            rows=rows,
        )


def _spans(
    groups: Sequence[RowGroup], size: int, most: int
) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """First group, the one behind the last, and which of their rows."""
    first, rows, held = 0, 0, 0
    for index, group in enumerate(groups):
        if index > first and (held + group.size > size or rows + group.rows > most):
            yield first, index, (0, rows)
            first, rows, held = index, 0, 0
        if group.size > size + size // 4 or group.rows > most:
            pieces = max(-(-group.size // size), -(-group.rows // most))
            step = max(1, -(-group.rows // pieces))
            for start in range(0, group.rows, step):
                yield index, index + 1, (start, min(start + step, group.rows))
            first = index + 1
            continue
        rows, held = rows + group.rows, held + group.size
    if first < len(groups) or not groups:
        yield first, len(groups), (0, rows)


def _unused(names: list[str]) -> str:
    """A name that no column has."""
    name = "row"
    while name in names:
        name += "_"
    return name
