"""What holds for all tests."""

from hypothesis import settings

# How long one example takes says nothing on a machine that does other work: pytest's own limit is enough.
settings.register_profile("fleet", deadline=None)
settings.load_profile("fleet")
