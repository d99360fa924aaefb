"""The reference, written from the program itself: ``python -m tests.reference`` (``make reference``) brings it up to
date, and ``tests/test_reference.py`` fails where it is not."""
