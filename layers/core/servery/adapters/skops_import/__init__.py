"""Foreign skops files: examined as data by an allow-list of our own, and only then built."""

from servery.adapters.skops_import.pipeline import read_skops

__all__ = ["read_skops"]
