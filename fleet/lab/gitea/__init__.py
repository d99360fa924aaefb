"""A stand-in for Gitea: the REST API and the runner protocol of its Actions, in memory.

Used where no image of the real one can be had. It gives the recorded answers of a real Gitea, and a
real runner takes and runs its jobs.
"""

from fleet.lab.gitea.server import Gitea
from fleet.lab.gitea.serving import Serving

__all__ = ["Gitea", "Serving"]
