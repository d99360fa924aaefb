"""What is in docs/monitoring fits what the program writes. That Prometheus takes it: tests/e2e/test_metrics.py."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from fleet.core.metrics import NAMES, metrics
from tests.core.builders import ROOT
from tests.core.test_metrics import everything

FOLDER = ROOT / "docs" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"] for rule in group["rules"]
]
TESTS = yaml.safe_load((FOLDER / "alerts_test.yml").read_text("utf-8"))["tests"]
README = (FOLDER / "README.md").read_text("utf-8")

LABELS = {
    family.name: {"fleet"}.union(*(sample.labels for sample in family.samples)) for family in metrics(everything())
}
"""The labels of each metric."""


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (rule["expr"] for rule in RULES)


@pytest.mark.parametrize("expr", [*expressions()])
def test_an_expression_names_metrics_that_are_written_and_labels_that_they_have(expr: str) -> None:
    names = re.findall(r"fleet_\w+", expr)
    assert names
    assert set(names) <= NAMES
    for name, matchers in re.findall(r"(fleet_\w+)\{([^}]*)\}", expr):
        assert set(re.findall(r"(\w+)=", matchers)) <= LABELS[name]
    for labels in re.findall(r"by \(([^)]*)\)", expr):
        assert set(re.split(r",\s*", labels)) <= set().union(*(LABELS[name] for name in names))


def test_grafanas_own_model_reads_the_dashboard_and_loses_nothing_of_it() -> None:
    plugins.register_default_plugins()
    model = json.loads(JSONEncoder().encode(Dashboard.from_json(DASHBOARD)))
    assert [*_lost(DASHBOARD, model)] == ["/templating/list/1/definition"], "Grafana writes that one itself"


def _lost(given: Any, read: Any, path: str = "") -> Iterator[str]:
    """Where the second value has not what the first has."""
    if isinstance(given, dict) and isinstance(read, dict):
        for key, value in given.items():
            yield from _lost(value, read[key], f"{path}/{key}") if key in read else (f"{path}/{key}",)
    elif isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        for place, value in enumerate(given):
            yield from _lost(value, read[place], f"{path}/{place}")
    elif given != read:
        yield path


def test_the_dashboard_shows_each_fleet_by_itself() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            metric = re.search(r'fleet_\w+\{fleet="\$fleet"', target["expr"])
            assert metric, target["expr"]
    (variable,) = (one for one in DASHBOARD["templating"]["list"] if one["name"] == "fleet")
    assert variable["definition"] == variable["query"]["query"] == "label_values(fleet_look_success, fleet)"


def test_the_dashboard_belongs_to_nobodys_prometheus() -> None:
    ours = {"type": "prometheus", "uid": "${datasource}"}
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"] == ours
        assert all(target["datasource"] == ours for target in panel["targets"])
    assert {one["name"]: one["type"] for one in DASHBOARD["templating"]["list"]} == {
        "datasource": "datasource",
        "fleet": "query",
    }
    assert "id" not in DASHBOARD


def test_each_panel_has_its_place_its_title_and_says_what_it_shows() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    assert not [(one["title"], other["title"]) for one, other in combinations(panels, 2) if _overlap(one, other)]


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    a, b = one["gridPos"], other["gridPos"]
    beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
    above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
    return not (beside or above)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_is_tried_both_ways_is_documented_and_says_what_to_type(rule: dict[str, Any]) -> None:
    tried = [
        one["exp_alerts"]
        for test in TESTS
        for one in test.get("alert_rule_test", ())
        if one["alertname"] == rule["alert"]
    ]
    assert [] in tried
    assert any(tried)
    assert re.search(rf"^\| {rule['alert']} \| .* \| `fleet ", README, re.MULTILINE)
    assert re.search(r"fleet [a-z]+", rule["annotations"]["description"])
    assert rule["labels"]["severity"] in {"critical", "warning"}


def test_the_tests_of_the_alerts_and_the_guide_name_metrics_and_alerts_that_exist() -> None:
    series = {
        name for test in TESTS for one in test["input_series"] for name in re.findall(r"fleet_\w+", one["series"])
    }
    assert series <= NAMES
    assert set(re.findall(r"\bfleet_\w+", README)) <= NAMES
    assert set(re.findall(r"^\| (Fleet\w+) \|", README, re.MULTILINE)) == {rule["alert"] for rule in RULES}
