"""What there is in a lab, asked of its Hetzner and its Gitea directly, not through the fleet."""

import json
import urllib.request
from typing import Any

from fleet.lab.jobs import GiteaClient
from fleet.lab.place import Lab

KINDS = ("servers", "ssh_keys", "firewalls", "primary_ips", "volumes")


def everything(lab: Lab) -> dict[str, list[str]]:
    """Names by kind: what is billed or carries tags at Hetzner, and the runners of this lab's fleet in Gitea."""
    found = {kind: [str(one["name"]) for one in hetzner(lab, f"/{kind}")[kind]] for kind in KINDS}
    client = GiteaClient.of(lab)
    runners = client.get("/admin/actions/runners?limit=50")["runners"] or []
    ours = [str(one["name"]) for one in runners if str(one["name"]).startswith(f"{lab.name}-")]
    return {**found, "runners": ours}


def runners_of_servers(lab: Lab) -> list[str]:
    """Runners in Gitea whose servers are in this lab, of whatever fleet."""
    servers = {str(one["name"]) for one in hetzner(lab, "/servers")["servers"]}
    runners = GiteaClient.of(lab).get("/admin/actions/runners?limit=50")["runners"] or []
    return sorted(servers & {str(one["name"]) for one in runners})


def hetzner(lab: Lab, path: str) -> Any:
    """One answer of the lab's Hetzner."""
    headers = {"Authorization": f"Bearer {lab.hetzner_token}"}
    request = urllib.request.Request(f"{lab.hetzner}{path}?per_page=50", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())
