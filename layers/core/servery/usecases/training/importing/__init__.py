"""Models that were trained elsewhere: from a file and a sample to a training's own results."""
