"""How a server is made: everything is checked first, then it exists at once and boots in the background."""

import secrets

from fleet.lab.hetzner.actions import Action, Failure, Resource
from fleet.lab.hetzner.errors import ApiError, no_capacity, over_quota
from fleet.lab.hetzner.exchange import Answer, Request
from fleet.lab.hetzner.firewalls import push
from fleet.lab.hetzner.hypervisor import Addresses, HypervisorError, ServerSpec
from fleet.lab.hetzner.networks import next_address, private_addresses
from fleet.lab.hetzner.project import Project
from fleet.lab.hetzner.server_order import Order, read_order
from fleet.lab.hetzner.servers import server_json
from fleet.lab.hetzner.state import PrimaryIp, Server

START_SHARE = 0.2
"""How long starting takes, as a share of how long creating takes."""


def create_server(project: Project, request: Request) -> Answer:
    """201 at once, with the addresses the server will have. Raises ApiError."""
    order = read_order(project, request.body())
    _refuse_by_fault(project, order)
    number = project.new_id("server")
    addresses = _reserve(project, number)
    _refuse_unreachable(order, addresses)
    server = _new_server(project, order, number)
    _join(project, order, server, addresses)
    created = _boot(project, server, order.start)
    following = [_start(project, server, created)] if order.start else []
    now = project.clock()
    answer = {
        "server": server_json(project, server),
        "action": created.as_json(now),
        "next_actions": [action.as_json(now) for action in following],
        "root_password": None if order.keys else secrets.token_urlsafe(15),
    }
    return Answer(201, answer)


def spec_of(project: Project, server: Server) -> ServerSpec:
    return ServerSpec(
        id=server.id,
        name=server.name,
        image=server.image.name,
        architecture=server.image.architecture,
        memory_gb=server.type.memory,
        cores=server.type.cores,
        user_data=server.user_data,
        ssh_keys=server.ssh_keys,
        private=private_addresses(project, server.id),
    )


def make_host(project: Project, server: Server, *, again: bool) -> None:
    """Have the machine below make the host, or make it again, then give it its firewall."""
    with project.locked():
        spec = spec_of(project, server)
    with project.host_lock(server.id):
        if again:
            project.hypervisor.rebuild(spec)
        else:
            project.hypervisor.create(spec)
        project.forget_rules(server.id)
        server.hosted = True
    push(project, server.id)


def never_boots(project: Project, server: Server) -> bool:
    about = {"server_type": server.type.name, "location": server.location.name, "name": server.name}
    return project.faults.take("never_boots", **about) is not None


def _refuse_by_fault(project: Project, order: Order) -> None:
    quota = project.faults.find("quota")
    if quota and len(project.records.servers) >= (quota.limit or 0):
        project.faults.take("quota")
        raise over_quota("server_limit")
    if project.faults.take("no_capacity", server_type=order.type.name, location=order.location.name):
        raise no_capacity()


def _reserve(project: Project, number: int) -> Addresses:
    try:
        return project.hypervisor.reserve(number)
    except HypervisorError as error:
        raise ApiError(422, "service_error", str(error)) from error


def _refuse_unreachable(order: Order, addresses: Addresses) -> None:
    """A machine below that gives one family alone cannot make a server of the other one."""
    given = {"ipv4": addresses.ipv4, "ipv6": addresses.ipv6}
    if order.families and not any(given[family] for family in order.families):
        raise ApiError(422, "service_error", f"this lab has no {' and no '.join(order.families)}")


def _new_server(project: Project, order: Order, number: int) -> Server:
    server = Server(
        number,
        order.name,
        project.clock(),
        order.labels,
        type=order.type,
        image=order.image,
        location=order.location,
        status="initializing",
        user_data=order.user_data,
        ssh_keys=tuple(key.public_key for key in order.keys),
        placement_group=order.group.id if order.group else None,
    )
    project.records.servers[server.id] = server
    return server


def _join(project: Project, order: Order, server: Server, addresses: Addresses) -> None:
    """Give it its addresses and everything that was ordered with it."""
    for kind, address in (("ipv4", addresses.ipv4), ("ipv6", addresses.ipv6)):
        if address is not None and kind in order.families:
            _join_address(project, order.families[kind], server, kind, address)
    for firewall in order.firewalls:
        firewall.servers.append(server.id)
    for volume in order.volumes:
        volume.server = server.id
    for network in order.networks:
        network.members[server.id] = next_address(network)


def _join_address(project: Project, known: PrimaryIp | None, server: Server, kind: str, address: str) -> None:
    if known is not None:
        # The host below keeps its own address, so an address of one's own takes that on.
        known.assignee, known.ip = server.id, address
        return
    number = project.new_id("primary_ip")
    fresh = PrimaryIp(
        number, f"primary_ip-{number}", server.created, {}, kind, address, server.location, server.id, True
    )
    project.records.primary_ips[number] = fresh


def _boot(project: Project, server: Server, start: bool) -> Action:
    def then(failure: Failure | None) -> None:
        server.status = "starting" if start and failure is None else "off"

    def work() -> None:
        make_host(project, server, again=False)
        if not start:
            with project.host_lock(server.id):
                project.hypervisor.power(server.id, False)

    broken = never_boots(project, server)
    return project.act(
        "create_server",
        [Resource(server.id, "server")],
        seconds=project.create_seconds,
        work=None if broken else work,
        then=then,
    )


def _start(project: Project, server: Server, created: Action) -> Action:
    def then(failure: Failure | None) -> None:
        server.status = "off" if failure else "running"

    seconds = project.create_seconds * (1 + START_SHARE)
    return project.act("start_server", [Resource(server.id, "server")], seconds=seconds, before=created, then=then)
