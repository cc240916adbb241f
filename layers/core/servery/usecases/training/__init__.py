"""Batch training: collect, preprocess, train, export and prove, evaluate, register, record."""
