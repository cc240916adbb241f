"""Graphs asked as jobs: each part through a queue of its own, and one end for all of them."""
