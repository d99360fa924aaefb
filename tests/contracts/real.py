"""Which real systems the contracts are tried on, besides the stand-ins."""

import os
from collections.abc import Iterator

from tests.contracts import tailnet_places

REAL_URL = os.environ.get("FLEET_TEST_GITEA_URL", "")
REAL_TOKEN = os.environ.get("FLEET_TEST_GITEA_TOKEN", "")
HAS_REAL = bool(REAL_URL and REAL_TOKEN)


def not_tried() -> Iterator[str]:
    """A line for each that is not, with how it would be."""
    if not HAS_REAL:
        yield (
            "Gitea contract: tried on the stand-ins only; for a real one"
            " set FLEET_TEST_GITEA_URL and FLEET_TEST_GITEA_TOKEN (an administrator's, scope all)."
        )
    if not tailnet_places.HAS_REAL:
        yield f"Tailnet contract: tried on the stand-ins only; {tailnet_places.HOW_REAL}."
