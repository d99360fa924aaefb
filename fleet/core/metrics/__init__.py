"""What is measured of a fleet, as metrics for Prometheus. Names and labels are outside names: they do not change."""

from fleet.core.metrics.families import NAMES, metrics, no_metrics
from fleet.core.metrics.values import Family, Sample, Seen

__all__ = ["NAMES", "Family", "Sample", "Seen", "metrics", "no_metrics"]
