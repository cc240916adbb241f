"""The rows of a chunk, from bytes to arrays and from answers to the bytes of a part.

    rows = RowReader(signature, layout).read(content)
    part = RowWriter(signature, layout).write(rows, prediction)

A chunk is read in blocks. A block whose every row is certainly right is read by vectorised code;
any other is read again, row by row, by code that knows each bad row's line, column and reason. So
a bad row costs its block and no more.
"""

from servery.adapters.chunk_rows.reader import RowReader
from servery.adapters.chunk_rows.writer import RowWriter

__all__ = ["RowReader", "RowWriter"]
