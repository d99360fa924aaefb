"""A simulated week: the jobs of a small team, the machines they run on, and what those cost."""
