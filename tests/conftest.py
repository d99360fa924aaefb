"""What holds for all tests."""

import os

import pytest
from hypothesis import settings

from tests import faults
from tests.contracts.real import not_tried

# How long one example takes says nothing on a machine that does other work: pytest's own limit is enough.
settings.register_profile("fleet", deadline=None)
settings.load_profile("fleet")

# A shell may be led to a lab (`fleet lab env`), or to a fleet that costs money: no test is.
for _name in ("FLEET_INVENTORY", "FLEET_GITEA_URL", "FLEET_GITEA_TOKEN", "HCLOUD_ENDPOINT", "HCLOUD_TOKEN"):
    os.environ.pop(_name, None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Nothing is passed over in silence: what could not run is in the last lines, with the reason. So are the seconds
    that each fault took. Said here: where tests run in several processes, the first has read no conftest below."""
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        terminalreporter.write_line(f"NOT RUN {report.nodeid}: {reason}", red=True)
    passed = terminalreporter.stats.get("passed", [])
    for row in faults.rows_of(passed):
        terminalreporter.write_line(f"FAULT {' | '.join(faults.cells(row))}")
    if any(report.nodeid.startswith("tests/contracts/") for report in passed):
        for line in not_tried():
            terminalreporter.write_line(line)
