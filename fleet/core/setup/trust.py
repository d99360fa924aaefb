"""What a host trusts of Gitea: the certificates of a private CA, or plain http where Gitea has no https.

Each client looks in a place of its own. Docker's daemon: one folder per registry, read at each connection. The
host's other programs: the system's store. The runner and its jobs: variables that name a file, since an image's
own store cannot be written from outside. Builders of buildx: `builders`.
"""

import hashlib
from urllib.parse import urlsplit

from fleet.core.inventory import GiteaSettings, Inventory, Pool
from fleet.core.setup.part import Given, Part
from fleet.core.setup.values import HOME, GoneFile, WantedFile

FOLDER = f"{HOME}/trust"
CA = f"{FOLDER}/gitea-ca.crt"
IN_STORE = "/usr/local/share/ca-certificates/fleet-gitea.crt"
UPDATE_STORE = "{ ! command -v update-ca-certificates || update-ca-certificates; } >/dev/null 2>&1"

STORE = f"{HOME}/certs"
"""Where runner and jobs have the host's store: its folder, so that an update by the distribution is seen at once."""

BUNDLE = f"{STORE}/ca-certificates.crt"

LOOPBACK = ("127.0.0.0/8", "::1/128")
"""Engines before 29.10 take these for insecure by themselves: jobs push to registries beside them."""

ENVIRONMENT = {
    # Node has its own list and adds to it, so the CA alone is enough, and quick to read.
    "NODE_EXTRA_CA_CERTS": CA,
    # These replace the list: they get the host's whole store. OpenSSL, Go, Ruby, Python's ssl, curl.
    "SSL_CERT_FILE": BUNDLE,
    # git with GnuTLS, as Debian builds it, and Python's requests and pip do not look at SSL_CERT_FILE.
    "GIT_SSL_CAINFO": BUNDLE,
    "REQUESTS_CA_BUNDLE": BUNDLE,
}


def trust(inventory: Inventory, _pool: Pool, _given: Given) -> Part:
    """Certificates and plain http, for both addresses of Gitea: its registry is there too."""
    gitea = inventory.gitea
    insecure = [host for scheme, host in addresses(gitea) if scheme == "http"]
    return Part(
        before_docker=_certificates(gitea),
        after_docker=tuple(WantedFile(path, gitea.ca) for path in _registry_files(gitea)) if gitea.ca else (),
        packages=("ca-certificates",) if gitea.ca else (),
        daemon={"insecure-registries": [*insecure, *LOOPBACK]} if insecure else {},
        # The runner reads its certificates when it starts: others are another runner.
        environment={**ENVIRONMENT, "FLEET_CA": _digest(gitea.ca)} if gitea.ca else {},
        mounts=(f"{FOLDER}:{FOLDER}:ro", f"/etc/ssl/certs:{STORE}:ro") if gitea.ca else (),
        job_environment=ENVIRONMENT if gitea.ca else {},
        job_mounts=(f"{FOLDER}:{FOLDER}", f"/etc/ssl/certs:{STORE}") if gitea.ca else (),
        gone=() if gitea.ca else _no_certificates(gitea),
    )


def addresses(gitea: GiteaSettings) -> tuple[tuple[str, str], ...]:
    """Scheme and HOST[:PORT] of each address, once."""
    parts = (urlsplit(url) for url in (gitea.url, gitea.runner_url))
    return tuple(dict.fromkeys((part.scheme, part.netloc.lower()) for part in parts))


def _certificates(gitea: GiteaSettings) -> tuple[WantedFile, ...]:
    """Before all else: a tailnet's own server may be behind the same CA. Where the store's program comes with a
    package only later, that package reads them, too."""
    if not gitea.ca:
        return ()
    return (
        WantedFile(CA, gitea.ca),
        # Several in one file are all in the bundle; the store's links by hash leave them out, which nobody misses.
        WantedFile(IN_STORE, gitea.ca, then=UPDATE_STORE, what="trust Gitea's CA", undo=UPDATE_STORE),
    )


def _no_certificates(gitea: GiteaSettings) -> tuple[GoneFile, ...]:
    store = GoneFile(IN_STORE, then=UPDATE_STORE, what="no longer trust Gitea's CA")
    return (store, GoneFile(CA), *map(GoneFile, _registry_files(gitea)))


def _registry_files(gitea: GiteaSettings) -> tuple[str, ...]:
    """Docker reads every .crt of the folder: this one is ours, another may be a person's."""
    hosts = (host for scheme, host in addresses(gitea) if scheme == "https" and "[" not in host)
    return tuple(f"/etc/docker/certs.d/{host}/fleet.crt" for host in hosts)


def _digest(ca: str) -> str:
    return hashlib.sha256(ca.encode()).hexdigest()[:16]
