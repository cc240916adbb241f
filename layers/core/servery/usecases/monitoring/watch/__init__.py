"""The parts of a look at a model: what is counted of the lake, and what is tested in it."""
