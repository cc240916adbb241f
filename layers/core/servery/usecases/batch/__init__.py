"""Batches: files of rows, predicted in chunks, proven whole."""
