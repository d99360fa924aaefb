"""``python -m tests.histories SEED [SEED...]``: play these histories again, and tell the whole story."""

import sys

from tests.histories import run


def main(seeds: list[int]) -> int:
    """0 when all ended well."""
    run.TOLD = 100_000
    for seed in seeds:
        try:
            world = run.play(seed)
        except run.Broken as error:
            sys.stdout.write(f"{error}\n")
            return 1
        sys.stdout.write(f"history {seed} ended well after {len(world.story)} lines\n")
    return 0


sys.exit(main([int(text) for text in sys.argv[1:]]))
