"""Figures: what things take, compared within one run. They never pass or fail on time.

python -m benchmarks                   all that take a minute or so
python -m benchmarks chunk_memory      the one that takes minutes
python -m benchmarks.chunk_speed --json
"""
