"""The room `graph` over HTTP: declaring graphs, asking them, and the data of entities."""
