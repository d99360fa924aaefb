"""What should be, what is, what to do. Standard library only; no I/O, no clock, no threads."""
