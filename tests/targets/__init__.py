"""What the targets of the end-to-end suite can do: counted from its runs, read from their code."""
