"""The tailnet's own records, at Tailscale or at a Headscale: keys that let machines in, and devices."""

from fleet.edges.tailnet.client import TailnetHttp

__all__ = ["TailnetHttp"]
