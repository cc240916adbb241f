"""Tells what there is, and takes requests to release and to roll back."""
