"""Takes longer than it may when asked to, together with a process that it starts."""

import subprocess
import sys
import time


def handler(event, context):
    if event.get("sleep"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(f"child {child.pid}")
        time.sleep(600)
    return "in time"
