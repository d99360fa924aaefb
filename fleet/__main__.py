"""``python -m fleet`` is the command ``fleet``."""

from fleet.cli.main import main

main()
