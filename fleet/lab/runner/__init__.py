"""A stand-in for the runner: one file that also runs alone, inside the lab's own runner image."""
