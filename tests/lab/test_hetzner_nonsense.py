"""Whatever is sent, the emulated API refuses or accepts; it never fails itself."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.lab.hetzner.routes import ROUTES
from tests.lab.hetzner_lab import Lab, order

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70_002) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["id", "type", "server", "firewall", "selector", "ipv4", "port"]), inner, max_size=2
        )
    ),
    max_leaves=4,
)
FIELDS = (
    *("name", "labels", "server_type", "image", "location", "user_data", "ssh_keys", "firewalls", "volumes"),
    *("networks", "placement_group", "public_net", "start_after_create", "public_key", "rules", "apply_to"),
    *("remove_from", "type", "size", "format", "server", "ip_range", "subnets", "assignee_id", "auto_delete"),
    *("delete", "rebuild"),
)
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5)
RULES = st.fixed_dictionaries(
    {"direction": st.just("in"), "protocol": st.sampled_from(["tcp", "icmp"])},
    optional={"port": VALUES, "source_ips": VALUES, "description": VALUES},
)
CHANGES = sorted({(route.method, route.template) for route in ROUTES if route.method in ("POST", "PUT")})


@pytest.fixture(scope="module")
def lab() -> Lab:
    lab = Lab(rate_limit=10_000_000)
    lab.server("first")
    return lab


@settings(max_examples=200, deadline=None)
@given(target=st.sampled_from(CHANGES), number=st.sampled_from([1001, 30001, 40001, 1]), body=BODIES)
def test_no_body_makes_the_lab_fail(lab: Lab, target: tuple[str, str], number: int, body: Any) -> None:
    method, template = target
    answer = lab.ask(method, template.replace("{}", str(number)), body)
    assert answer.status < 500
    lab.settle()


@settings(max_examples=100, deadline=None)
@given(more=BODIES)
def test_no_order_for_a_server_makes_the_lab_fail(lab: Lab, more: Any) -> None:
    assert lab.ask("POST", "/servers", {**order("fuzz"), **more}).status < 500
    lab.settle()


@settings(max_examples=100, deadline=None)
@given(rule=RULES | VALUES)
def test_no_rule_makes_the_lab_fail(lab: Lab, rule: Any) -> None:
    assert lab.ask("POST", "/firewalls", {"name": "fuzz", "rules": [rule]}).status < 500


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(["page", "per_page", "sort", "label_selector", "status", "id", "name"]),
    value=st.text("ab1:,=!() ", max_size=8),
)
def test_no_query_makes_the_lab_fail(lab: Lab, name: str, value: str) -> None:
    for path in ("/servers", "/servers/actions", "/images", "/firewalls"):
        assert lab.ask("GET", f"{path}?{name}={value}").status < 500
