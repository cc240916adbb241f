"""One module per room: its typed request and result, and what it does."""
