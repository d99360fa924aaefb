"""What the project has of placement groups, networks, firewalls and volumes, by name. Only looked at."""

from hcloud import Client
from hcloud.networks import BoundNetwork

from fleet.core.belongings import Belongings, Network, Volume
from fleet.edges.hetzner.convert import there

EVERYTHING = "0.0.0.0/0"
"""The destination of a route that leads out of a private network."""


def read(client: Client) -> Belongings:
    """All of it, as it is now."""
    return Belongings(
        groups={
            there(one.name): (there(one.id), frozenset(one.servers or ())) for one in client.placement_groups.get_all()
        },
        networks={there(one.name): _network(one) for one in client.networks.get_all()},
        firewalls={there(one.name): there(one.id) for one in client.firewalls.get_all()},
        volumes={
            there(one.name): Volume(
                there(one.id),
                there(there(one.location).name),
                there(one.server.id) if one.server else None,
                dict(one.labels or {}),
            )
            for one in client.volumes.get_all()
        },
        zones={there(place.name): there(place.network_zone) for place in client.locations.get_all()},
    )


def _network(network: BoundNetwork) -> Network:
    return Network(
        there(network.id),
        frozenset(there(one.network_zone) for one in network.subnets or ()),
        any(route.destination == EVERYTHING for route in network.routes or ()),
    )
