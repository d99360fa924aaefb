"""``python -m tests.histories SEED|FIRST-LAST``: plays these histories; tells the story of the first that fails."""

import sys
from collections.abc import Iterable

from tests.histories.run import Broken, play

ALL = 100_000
"""More lines than any story has."""


def main(words: Iterable[str]) -> int:
    """0 when all ended well."""
    for seed in (seed for word in words for seed in _seeds(word)):
        try:
            play(seed, told=ALL)
        except Broken as error:
            sys.stdout.write(f"{error}\n")
            return 1
    sys.stdout.write("all ended well\n")
    return 0


def _seeds(word: str) -> range:
    first, _, last = word.partition("-")
    return range(int(first), int(last or first) + 1)


sys.exit(main(sys.argv[1:]))
