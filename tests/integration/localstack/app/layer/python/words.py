"""What the layer brings."""

GREETING = "hello from a layer"
