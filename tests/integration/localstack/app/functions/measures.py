"""Writes one metric in the embedded metric format, and one line that only claims to be."""

import json
import time


def handler(event, context):
    directive = {
        "Namespace": "Tests",
        "Dimensions": [["place"]],
        "Metrics": [{"Name": "length", "Unit": "Count"}],
    }
    meta = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(json.dumps({"_aws": meta, "place": event["place"], "length": [3, 4]}))
    print(json.dumps({"_aws": {"CloudWatchMetrics": [directive]}, "place": "x", "length": 1}))
