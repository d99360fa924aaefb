"""The lab's process: serves the Hetzner API and the stand-in Gitea until it is told to stop.

``python -m fleet.lab.serve FOLDER`` reads ``orders.json`` there, serves, and answers with ``serving.json``.
"""

import json
import logging
import signal
import sys
import threading
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from fleet.lab import echo, network, tailnet
from fleet.lab.hetzner import HetznerApi
from fleet.lab.images import Images
from fleet.lab.place import CA_FILE, folder_of, write_private
from fleet.lab.vps import DockerHypervisor

GITEA_SCOPES = ("write:admin", "write:organization", "write:repository", "write:user")
GITEA_READONLY_SCOPES = ("read:repository", "read:user")
"""Of a second token, to see what a client says of one that may too little."""

GITEA_PACKAGE_SCOPES = ("write:package",)
"""Of the token for `docker login`, by jobs and by hosts: it opens nothing else."""

GITEA_USER = "lab"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Orders:
    """What to serve. ``gitea``: with the stand-in, or with somebody else's; ``tls``: the stand-in over https;
    ``tailnet``: the folder of a tailnet's programs, and the stand-in is in it and nowhere else."""

    lab: str
    hetzner_token: str
    images: Images
    gitea: bool
    can_disable: bool
    tls: bool = False
    tailnet: str = ""


@dataclass(frozen=True, slots=True)
class Served:
    """Where it is served."""

    hetzner: str
    gitea: str
    gitea_token: str
    gitea_readonly_token: str = ""
    gitea_package_token: str = ""
    tailnet: str = ""
    tailnet_key: str = ""
    gitea_inside: str = ""
    address_from: str = ""


def write_orders(folder: Path, orders: Orders) -> None:
    """For the process that is about to start."""
    write_private(folder / "orders.json", json.dumps(asdict(orders)))


def read_served(folder: Path) -> Served | None:
    """What the process answered, or None as long as it has not."""
    path = folder / "serving.json"
    return Served(**json.loads(path.read_text("utf-8"))) if path.exists() else None


def main(folder: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    data = json.loads((folder / "orders.json").read_text("utf-8"))
    orders = Orders(**{**data, "images": Images(**data["images"])})
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        served = _serve(orders, stack)
        write_private(folder / "serving.json", json.dumps(asdict(served)))
        stop.wait()


def _serve(orders: Orders, stack: ExitStack) -> Served:
    net = network.ensure(orders.lab)
    hypervisor = DockerHypervisor(orders.lab, images=orders.images, network=net, programs=_programs(orders))
    hetzner = stack.enter_context(HetznerApi(hypervisor, token=orders.hetzner_token).serve())
    served = _gitea(orders, net, stack, hetzner.url) if orders.gitea else Served(hetzner.url, "", "")
    return replace(served, address_from=stack.enter_context(echo.serving(net.gateway)))


def _gitea(orders: Orders, net: network.Network, stack: ExitStack, hetzner: str) -> Served:
    """The stand-in too. Imported only here: it needs the extra ``lab`` (YAML, protobuf)."""
    from fleet.lab.gitea import Gitea

    gitea = Gitea(can_disable=orders.can_disable, blobs=folder_of(orders.lab) / "blobs")
    user = gitea.add_user(GITEA_USER, admin=True)
    scopes = (GITEA_SCOPES, GITEA_READONLY_SCOPES, GITEA_PACKAGE_SCOPES)
    certificate = _certificate(orders, net) if orders.tls else ""
    serving = stack.enter_context(gitea.serve(LOOPBACK if orders.tailnet else net.gateway, certificate=certificate))
    served = Served(hetzner, serving.url, *(gitea.add_token(user, each) for each in scopes))
    return _in_tailnet(orders, net, served, stack) if orders.tailnet else served


def _in_tailnet(orders: Orders, net: network.Network, served: Served, stack: ExitStack) -> Served:
    port = urlsplit(served.gitea).port or 80
    place = tailnet.Place(Path(orders.tailnet), folder_of(orders.lab) / "tailnet", net)
    made = tailnet.serve(place, port, stack)
    return replace(served, tailnet=made.url, tailnet_key=made.key, gitea_inside=made.gitea)


def _programs(orders: Orders) -> Path | None:
    return Path(orders.tailnet) if orders.tailnet else None


def _certificate(orders: Orders, net: network.Network) -> str:
    """Of a private CA that nobody trusts who was not told to; the CA's own is put beside, its key is nowhere."""
    from fleet.lab.tls import Authority

    authority = Authority.new(f"CA of the lab {orders.lab}")
    write_private(folder_of(orders.lab) / CA_FILE, authority.pem)
    return authority.sign([net.gateway])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
