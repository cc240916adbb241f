"""Events of HTTP, S3 and state machines in; responses, logs and metrics out."""
