"""The control: what a request costs where nothing is done for it."""


def handler(_event, _context):
    """Answer at once."""
    return {"status": 200, "body": "{}"}
