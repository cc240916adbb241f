"""The room `multi_stage`: a light model answers at once, a heavy one behind a queue."""
