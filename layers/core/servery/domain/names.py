"""What models and columns may be called."""

from typing import Annotated

from msgspec import Meta

# In Python `$` also matches before a line break at the end; what follows it here shuts that out.
MODEL_NAME = r"^[a-z][a-z0-9-]{0,47}$(?!\n)"
COLUMN_NAME = r"^[^\x00-\x1f\"\\]{1,128}$(?!\n)"

ModelName = Annotated[str, Meta(pattern=MODEL_NAME, title="lower-case name of the model")]
ColumnName = Annotated[str, Meta(pattern=COLUMN_NAME)]
