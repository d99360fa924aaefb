"""Firewall rules: read from a body, and shown again."""

from ipaddress import ip_network
from typing import Any

from fleet.lab.hetzner.errors import invalid
from fleet.lab.hetzner.exchange import Json
from fleet.lab.hetzner.fields import listing
from fleet.lab.hetzner.hypervisor import FirewallRule

RULES_LIMIT = 50
CIDRS_LIMIT = 100
PROTOCOLS = ("tcp", "udp", "icmp", "esp", "gre")


def read_rules(body: Json) -> tuple[FirewallRule, ...]:
    """Raises ApiError naming the rule and its field."""
    found = listing(body, "rules")
    if len(found) > RULES_LIMIT:
        raise invalid("rules", f"at most {RULES_LIMIT} rules")
    return tuple(_rule(rule, f"rules.{index}") for index, rule in enumerate(found))


def rule_json(rule: FirewallRule) -> Json:
    return {
        "direction": rule.direction,
        "protocol": rule.protocol,
        "port": rule.port,
        "source_ips": list(rule.source_ips),
        "destination_ips": list(rule.destination_ips),
        "description": rule.description,
    }


def _rule(found: Any, place: str) -> FirewallRule:
    if not isinstance(found, dict):
        raise invalid(place, "must be an object")
    direction, protocol = found.get("direction"), found.get("protocol")
    if direction not in ("in", "out"):
        raise invalid(f"{place}.direction", "must be in or out")
    if protocol not in PROTOCOLS:
        raise invalid(f"{place}.protocol", f"must be one of {', '.join(PROTOCOLS)}")
    rule = FirewallRule(
        direction=direction,
        protocol=protocol,
        port=_port(found, place),
        source_ips=_networks(found, "source_ips", place),
        destination_ips=_networks(found, "destination_ips", place),
        description=_description(found, place),
    )
    needed = "source_ips" if direction == "in" else "destination_ips"
    if not getattr(rule, needed):
        raise invalid(f"{place}.{needed}", "must not be empty")
    return rule


def _port(found: Json, place: str) -> str | None:
    port = found.get("port")
    if found["protocol"] not in ("tcp", "udp"):
        if port is not None:
            raise invalid(f"{place}.port", "this protocol has no ports")
        return None
    if port == "any":
        return "any"
    low, dash, high = str(port).partition("-")
    if not _is_port(low) or (dash and not (_is_port(high) and int(low) <= int(high))):
        raise invalid(f"{place}.port", "must be a port, a range of ports, or any")
    return str(port)


def _description(found: Json, place: str) -> str | None:
    description = found.get("description")
    if description is not None and (not isinstance(description, str) or len(description) > 255):
        raise invalid(f"{place}.description", "must be a text of at most 255 characters")
    return description


def _is_port(text: str) -> bool:
    return text.isdecimal() and 1 <= int(text) <= 65535


def _networks(found: Json, field: str, place: str) -> tuple[str, ...]:
    networks = listing(found, field)
    if len(networks) > CIDRS_LIMIT:
        raise invalid(f"{place}.{field}", f"at most {CIDRS_LIMIT} networks")
    for network in networks:
        _check_network(network, f"{place}.{field}")
    return tuple(networks)


def _check_network(text: Any, field: str) -> None:
    try:
        if not isinstance(text, str) or "/" not in text:
            raise ValueError("has no prefix length")
        ip_network(text)
    except ValueError as error:
        raise invalid(field, f"'{text}' is not a network: {error}") from None
