"""The room `data_cache`: how caches do over HTTP, and the event that warms one."""
