"""Gitea: its REST API, and of the runner protocol the two calls an operator can make."""

from fleet.edges.gitea.client import GiteaHttp

__all__ = ["GiteaHttp"]
