"""What edges that speak HTTP have in common: one call with its limits, why it failed, and one answer for many."""
