"""Plans Parquet files by their row groups; of the rows nothing is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servery.usecases.batch.cutting import group_chunks
from servery.usecases.batch.header import check_names, check_types

if TYPE_CHECKING:
    from servery.ports import RowGroups
    from servery.usecases.batch.desk import Cut, Desk


def cut_parquet(desk: Desk, row_groups: RowGroups) -> Cut:
    """Chunks of whole row groups, or of some rows of one.

    A model server reads the features in the order of its signature. Where the parts become
    Parquet, the columns that are passed through do not travel as text: a row says its number,
    and its ids are found by that with the types of the source.

    Raises:
        MalformedError: it is no Parquet file, or a damaged one.
        InvalidInputError: its columns, or their types, do not fit.
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
    chunks = [*group_chunks(source, groups, desk.sizes_for(0))]
    return desk.made(chunks, "csv", header, ids, exact=True, row=row if packs else "")


def _unused(names: list[str]) -> str:
    """A name that no column has."""
    name = "row"
    while name in names:
        name += "_"
    return name
