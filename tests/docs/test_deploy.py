"""The files of `deploy/` are well formed, and name commands, metrics and alerts that exist."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest

from pgqueuer.adapters.cli.cli import app
from pgqueuer.metrics.prometheus import SILENT, TRANSACTION, WAITING, MetricNames
from pgqueuer.metrics.worker_prometheus import PrometheusObserver
from pgqueuer.ports.observer import JobOutcome, JobsSettled, LoopBlocked
from tests.support.documents import DOCS, ROOT

DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "pgqueuer.json"
UNIT = DEPLOY / "systemd" / "pgqueuer@.service"


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


def unit() -> dict[str, str]:
    lines = UNIT.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def dockerfile() -> list[str]:
    (line,) = re.findall(r"^CMD (.*)$", (DEPLOY / "docker" / "Dockerfile").read_text(), re.M)
    return list(json.loads(line))


def compose() -> dict[str, Any]:
    return dict(documents(DEPLOY / "docker" / "compose.yaml")[0]["services"])


def worker() -> dict[str, Any]:
    return dict(documents(DEPLOY / "kubernetes" / "worker.yaml")[0])


def upgrade() -> dict[str, Any]:
    return dict(documents(DEPLOY / "kubernetes" / "upgrade.yaml")[0])


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    (only,) = manifest["spec"]["template"]["spec"]["containers"]
    return dict(only)


def commands() -> dict[str, list[str]]:
    return {
        "systemd": shlex.split(unit()["ExecStart"].replace("%i", "1")),
        "docker": dockerfile(),
        "compose": compose()["upgrade"]["command"],
        "worker": container(worker())["args"],
        "upgrade": container(upgrade())["args"],
    }


def parse(words: list[str]) -> dict[str, Any]:
    """What click makes of a command line; an unknown option or a bad value is an error."""
    assert Path(words[0]).name == "pgq"
    command = app.get_command(click.Context(app), words[1])
    assert command is not None
    return command.make_context(words[1], words[2:]).params


@pytest.mark.parametrize("place", commands())
def test_command_lines_are_understood(place: str) -> None:
    assert parse(commands()[place])


def test_platforms_wait_longer_than_workers_take_to_stop() -> None:
    grace = {
        "systemd": int(unit()["TimeoutStopSec"]),
        "docker": int(compose()["worker"]["stop_grace_period"].removesuffix("s")),
        "worker": worker()["spec"]["template"]["spec"]["terminationGracePeriodSeconds"],
    }
    for place, seconds in grace.items():
        timeout = parse(commands()[place])["shutdown_timeout"]
        assert seconds >= float(getattr(timeout, "total_seconds", lambda t=timeout: t)()) + 15


@pytest.mark.parametrize("name", ["worker.yaml", "upgrade.yaml"])
def test_kubernetes_knows_every_field_of_the_manifests(name: str) -> None:
    newest = kubernetes_validate.latest_version()
    for manifest in documents(DEPLOY / "kubernetes" / name):
        kubernetes_validate.validate(manifest, newest, strict=True)


def test_manifests_belong_together() -> None:
    deployment, budget = documents(DEPLOY / "kubernetes" / "worker.yaml")
    kinds = [(one["apiVersion"], one["kind"]) for one in (deployment, budget, upgrade())]
    assert kinds == [("apps/v1", "Deployment"), ("policy/v1", "PodDisruptionBudget"),
                     ("batch/v1", "Job")]  # fmt: skip
    assert all(one["metadata"]["name"] for one in (deployment, budget, upgrade()))
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for one in (deployment, budget):
        assert one["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert upgrade()["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_probes_and_ports_are_those_of_the_command() -> None:
    only = container(worker())
    ports = {port["name"]: port["containerPort"] for port in only["ports"]}
    given = parse(only["args"])
    assert ports == {"health": given["health_port"], "metrics": given["metrics_port"]}
    paths = {probe: only[probe]["httpGet"] for probe in only if probe.endswith("Probe")}
    assert paths == {
        "startupProbe": {"path": "/livez", "port": "health"},
        "livenessProbe": {"path": "/livez", "port": "health"},
        "readinessProbe": {"path": "/readyz", "port": "health"},
    }


def test_connection_strings_are_secrets() -> None:
    for manifest in (worker(), upgrade()):
        (dsn,) = [one for one in container(manifest)["env"] if one["name"] == "PGDSN"]
        assert set(dsn) == {"name", "valueFrom"}
        assert set(dsn["valueFrom"]["secretKeyRef"]) == {"name", "key"}


def test_compose_runs_the_upgrade_before_the_workers() -> None:
    needs = compose()["worker"]["depends_on"]
    assert needs == {"upgrade": {"condition": "service_completed_successfully"}}


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    program = str(shutil.which("true"))
    text = UNIT.read_text().replace("/srv/myapp/.venv/bin/pgq", program)
    (tmp_path / UNIT.name).write_text(text)
    command = ["systemd-analyze", "verify", str(tmp_path / UNIT.name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("words", [("check", RULES.name), ("test", "alerts_test.yml")])
def test_prometheus_accepts_the_rules_and_they_fire_when_they_should(
    words: tuple[str, str],
) -> None:
    promtool(words[0], RULES.parent / words[1])


def promtool(what: str, path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(
        ["promtool", what, "rules", path.name],
        cwd=path.parent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    return [rule for group in documents(RULES)[0]["groups"] for rule in group["rules"]]


def test_each_alert_is_tested_both_ways_and_has_its_heading() -> None:
    alerts = [rule["alert"] for rule in rules()]
    tests = [test["name"] for test in documents(RULES.parent / "alerts_test.yml")[0]["tests"]]
    assert tests == [f"{one} {what}" for one in alerts for what in ("fires", "stays silent")]
    guide = (DOCS / "guides" / "operating.md").read_text()
    assert re.findall(r"^### (PgQueuer.*)$", guide, re.M) == alerts


def panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text())["panels"])


def exported() -> set[str]:
    """The names of all samples that workers and `collect_metrics` export."""
    registry = CollectorRegistry()
    observer = PrometheusObserver(registry)
    observer.observe(JobsSettled(outcomes=(JobOutcome("a", "successful", 1.0, 1.0),), held=0))
    observer.observe(LoopBlocked(seconds=1.0, entrypoints=("a",)))
    samples = re.findall(r"^(pgqueuer\w+)", generate_latest(registry).decode(), re.M)
    names = MetricNames()
    return {*samples, names.queue_count, names.log_count, WAITING, SILENT, TRANSACTION}


def test_rules_and_dashboard_use_metrics_that_are_exported() -> None:
    queries = [rule["expr"] for rule in rules()]
    queries += [target["expr"] for panel in panels() for target in panel["targets"]]
    for query in queries:
        used = set(re.findall(r"pgqueuer_\w+", query))
        assert used <= exported(), query
        assert used or "up{" in query


def test_prometheus_understands_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries)
    ]
    path = tmp_path / "dashboard.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", path)


def test_panels_have_ids_sources_and_places_of_their_own() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    (variable,) = dashboard["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    assert dashboard["uid"]
    assert len({panel["id"] for panel in panels()}) == len(panels())
    for panel in panels():
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert {source["uid"] for source in sources} == {"${" + variable["name"] + "}"}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for one, other in combinations([panel["gridPos"] for panel in panels()], 2):
        assert (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
