"""The way out of hosts that have no direct one: apt, our scripts, the Docker daemon, the runner, jobs."""

import ipaddress
import json
from urllib.parse import urlsplit

from fleet.core.inventory import Inventory, Pool, ProxySettings
from fleet.core.setup.part import Given, Part
from fleet.core.setup.values import HOME, GoneFile, WantedFile

APT = "/etc/apt/apt.conf.d/60fleet-proxy"
SCRIPTS = f"{HOME}/bin/proxy.sh"
"""Sourced by what we run on hosts."""

DAEMON = "/etc/systemd/system/docker.service.d/60-fleet-proxy.conf"
"""Not `proxies` in daemon.json: engines before 23 do not start with a key they do not know."""

RESTART = "systemctl daemon-reload && { ! systemctl --quiet is-active docker || systemctl restart docker; }"
HEAD = "# Written by fleet: [proxy]\n"


def proxy(inventory: Inventory, pool: Pool, given: Given) -> Part:
    """Nothing without ``[proxy]``, and what an earlier one has left on the host goes."""
    settings = inventory.proxy
    if settings is None:
        daemon = GoneFile(DAEMON, RESTART, seconds=120, restarts=True, what="restart Docker without a proxy")
        return Part(gone=(GoneFile(APT), GoneFile(SCRIPTS), daemon))
    both = _environment(settings, _direct(inventory, pool, settings, given.cache_at))
    return Part(
        before_docker=(
            WantedFile(APT, _apt(settings)),
            WantedFile(SCRIPTS, HEAD + "".join(f"export {name}='{value}'\n" for name, value in both.items())),
            WantedFile(
                DAEMON,
                f"{HEAD}[Service]\n" + "".join(f'Environment="{name}={value}"\n' for name, value in both.items()),
                then=RESTART,
                seconds=120,
                restarts=True,
                what="restart Docker with its proxy",
                undo="systemctl daemon-reload",
            ),
        ),
        environment=both,
        job_environment=both,
    )


def _environment(settings: ProxySettings, direct: str) -> dict[str, str]:
    """In both spellings: curl reads http_proxy in small letters only, others the large ones only."""
    given = {"HTTP_PROXY": settings.http, "HTTPS_PROXY": settings.https, "NO_PROXY": direct}
    large = {name: value for name, value in given.items() if value}
    return {**large, **{name.lower(): value for name, value in large.items()}}


def _direct(inventory: Inventory, pool: Pool, settings: ProxySettings, cache_at: str) -> str:
    """What is never asked of a proxy: the host itself, its bridge (where the cache is) and job networks, Gitea, what
    is in the tailnet, the mirror, the fleet's cache. Addresses stand alone too: not every client reads networks."""
    bridge = ipaddress.ip_interface(pool.docker.bip)
    urls = (inventory.gitea.url, inventory.gitea.runner_url, pool.docker.registry_mirror, inventory.cache.url)
    names = (host for url in urls if (host := urlsplit(url).hostname))
    tailnet = inventory.tailnet.hosts if inventory.tailnet else ()
    own = ("localhost", "127.0.0.1", "::1", str(bridge.ip), str(bridge.network), pool.docker.address_pool)
    cache = (cache_at,) if cache_at else ()
    return ",".join(dict.fromkeys((*own, *names, *cache, *tailnet, *settings.no_proxy)))


def _apt(settings: ProxySettings) -> str:
    lines = (("http", settings.http), ("https", settings.https))
    return HEAD + "".join(f"Acquire::{scheme}::Proxy {json.dumps(url)};\n" for scheme, url in lines if url)
