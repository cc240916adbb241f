"""Values and rules, pure: nothing here reads a clock, a socket or an environment."""
