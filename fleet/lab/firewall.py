"""Hetzner's firewall for a server of the lab: iptables rules in the server's own network.

They stand in the `mangle` table, before Docker inside the server turns addresses round: so they also hold
for the ports its containers publish, as a firewall in front of the machine does, and Docker's own rules
are not touched. What is let through returns from our chain and goes on as if it were not there.

The lab has IPv4 only; sources and destinations of IPv6 are left out.
"""

from collections.abc import Iterable, Iterator

from fleet.lab.hetzner.hypervisor import FirewallRule

RULES_FILE = "/etc/fleet-lab/firewall"
"""Where a server keeps its rules; its first process runs them before anything can be reached."""

INTERFACE = "eth0"
IN_CHAIN, OUT_CHAIN = "FLEET-LAB-IN", "FLEET-LAB-OUT"
SSH_PORT = 22


def script(rules: Iterable[FirewallRule]) -> str:
    """A shell script, to be run in the server, that makes these the rules. It can run any number of times."""
    rules = tuple(rules)
    inward, outward = _by_direction(rules, "in"), _by_direction(rules, "out")
    lines = ["*mangle", f":{IN_CHAIN} - [0:0]", f":{OUT_CHAIN} - [0:0]"]
    lines += _chain(IN_CHAIN, "-s", ((rule, rule.source_ips) for rule in inward))
    if outward:
        lines += _chain(OUT_CHAIN, "-d", ((rule, rule.destination_ips) for rule in outward))
    lines += ["COMMIT"]
    return "\n".join(
        (
            "set -eu",
            "iptables-restore --wait --noflush <<'RULES'",
            *lines,
            "RULES",
            _hooked("PREROUTING", f"-i {INTERFACE} -j {IN_CHAIN}"),
            _hooked("POSTROUTING", f"-o {INTERFACE} -j {OUT_CHAIN}"),
            "",
        )
    )


def ssh_script(dropped: bool) -> str:
    """A shell script, to be run in the server, after which it does or does not answer on SSH's port."""
    rule = f"PREROUTING -i {INTERFACE} -p tcp --dport {SSH_PORT} -m comment --comment fleet-lab-fault -j DROP"
    iptables = "iptables -w -t mangle"
    there = f"{iptables} -C {rule} 2>/dev/null"
    return f"{there} || {iptables} -I {rule}" if dropped else f"! {there} || {iptables} -D {rule}"


def _by_direction(rules: Iterable[FirewallRule], direction: str) -> list[FirewallRule]:
    return [rule for rule in rules if rule.direction == direction]


def _chain(chain: str, side: str, rules: Iterable[tuple[FirewallRule, tuple[str, ...]]]) -> Iterator[str]:
    yield f"-A {chain} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"
    for rule, addresses in rules:
        for address in addresses:
            if ":" not in address:
                yield f"-A {chain} {side} {address} -p {rule.protocol}{_ports(rule)} -j RETURN"
    yield f"-A {chain} -j DROP"


def _ports(rule: FirewallRule) -> str:
    if rule.port is None or rule.port == "any":
        return ""
    return f" --dport {rule.port.replace('-', ':')}"


def _hooked(hook: str, rule: str) -> str:
    return f"iptables -w -t mangle -C {hook} {rule} 2>/dev/null || iptables -w -t mangle -I {hook} {rule}"
