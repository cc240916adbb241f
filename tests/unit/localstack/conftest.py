"""The package lives in LocalStack's environment; here it is imported from its folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "infra" / "localstack"))
