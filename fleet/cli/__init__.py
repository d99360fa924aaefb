"""Words, colours, flags, exit codes."""
