"""Order and concurrency: observe, apply, wait, events. No decisions, no printing."""
