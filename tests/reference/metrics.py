"""The page of all metrics, from the table they are made by."""

from itertools import chain

from fleet.core.metrics import Family, metrics
from tests.core.test_metrics import everything

HEAD = """\
# Metrics

Written from the program by `make reference`; do not edit. How to get them into Prometheus, and what to do with them:
[monitoring](../monitoring/README.md).

All are gauges. Each has the label `fleet`, and those in the table. What is not known has no number: a host that is
silent has no disk, and when Hetzner or Gitea give no answer, only the first four are left.

| metric | labels | what it says |
|---|---|---|
"""


def page() -> str:
    """One row for each name."""
    return HEAD + "".join(map(_row, metrics(everything())))


def _row(family: Family) -> str:
    labels = dict.fromkeys(chain.from_iterable(sample.labels for sample in family.samples))
    return f"| `{family.name}` | {', '.join(f'`{label}`' for label in labels)} | {family.help} |\n"
