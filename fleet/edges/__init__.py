"""The outside, translated: one file per system."""
