"""``python -m tests.mutants [NAME...]``: each deliberate fault must be caught; exit 1 when one lives."""

import sys

from tests.mutants.run import main

sys.exit(main(sys.argv[1:]))
