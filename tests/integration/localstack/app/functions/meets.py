"""Waits at a place, an item of a table, until as many have come as are expected."""

import os
import time

import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    key = {"id": event["place"]}
    table.update_item(
        Key=key, UpdateExpression="ADD visitors :one", ExpressionAttributeValues={":one": 1}
    )
    while context.get_remaining_time_in_millis() > 500:
        item = table.get_item(Key=key, ConsistentRead=True)["Item"]
        if item["visitors"] >= event["expected"]:
            return os.getpid()
        time.sleep(0.05)
    raise TimeoutError(event["place"])
