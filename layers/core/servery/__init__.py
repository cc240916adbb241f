"""Servery: the whole life of a machine-learning model on Lambda, SQS, DynamoDB, S3 and more."""

__version__ = "0.1.0"
