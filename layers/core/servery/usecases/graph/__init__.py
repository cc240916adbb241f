"""The room `graph`: several models in one answer."""
