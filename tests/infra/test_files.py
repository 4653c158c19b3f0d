"""What is shipped to run railwatch elsewhere, as far as it can be checked without an engine."""

import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

INFRA = Path(__file__).parents[2] / "infra"


def documents(name):
    return list(YAML(typ="safe", pure=True).load_all((INFRA / name).read_text()))


def test_prefect_yaml_is_what_prefect_reads():
    """Each deployment fits Prefect's own model, and its entrypoint is a module path to a flow."""
    from prefect.cli.deploy._models import PrefectYamlModel
    from prefect.flows import load_flow_from_entrypoint

    model = PrefectYamlModel.model_validate(documents("prefect.yaml")[0])

    names = [
        (load_flow_from_entrypoint(d.entrypoint, use_placeholder_flow=False).name, d.name)
        for d in model.deployments
    ]
    assert names == [
        ("watch", "everywhere"),
        ("backfill", "operator"),
        ("recount", "operator"),
        ("audit", "weekly"),
    ]
    assert not any(".py" in d.entrypoint for d in model.deployments)


def test_what_is_shipped_as_settings_can_be_read(monkeypatch):
    """infra/operations.yaml with a store from the environment."""
    from flows.operations.settings import Settings

    monkeypatch.setenv("RAILWATCH_STORE", "s3://bucket/store")
    assert Settings.read(INFRA / "operations.yaml").watch.cron == "H */6 * * *"


def test_the_server_s_settings_are_prefect_s():
    """A name that Prefect does not know would be ignored in silence."""
    from prefect.settings.models.root import Settings

    fields = _names(Settings)
    for line in (INFRA / "server.env").read_text().splitlines():
        name = line.partition("=")[0]
        if line and not line.startswith("#") and name != "DO_NOT_TRACK":
            assert name in fields


def _names(model, prefix="PREFECT_"):
    found = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        if hasattr(inner, "model_fields"):
            found |= _names(inner, f"{prefix}{name.upper()}_")
        found.add(f"{prefix}{name.upper()}")
    return found


def test_logging_yaml_configures(tmp_path, monkeypatch):
    """The standard library accepts it, and a line reaches the file."""
    import logging.config

    monkeypatch.setenv("RAILWATCH_LOG_FILE", str(tmp_path / "log"))
    said = documents("logging.yaml")[0]
    said["root"]["handlers"] = []
    said["loggers"] = {"railwatch.trial": {"handlers": ["file"], "propagate": False}}
    logging.config.dictConfig(said)
    logger = logging.getLogger("railwatch.trial")
    try:
        logger.error("%s: broken", "yard")
    finally:
        for handler in logger.handlers:
            handler.close()

    assert json.loads((tmp_path / "log").read_text())["area"] == "yard"


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes/railwatch.yaml"])
def test_no_secret_is_written_down(name):
    """Keys, passwords and tokens are references to files, variables or secrets, never values."""
    text = (INFRA / name).read_text()

    for secret, value in re.findall(
        r"(?im)^\s*(\w*(?:password|secret|token|key))\s*:\s*(.+)$", text
    ):
        assert value.startswith(("{", "[", "/run/secrets", "$", "&", "false")), f"{secret}: {value}"
    assert not re.search(r"AKIA[0-9A-Z]{16}", text)


def test_everything_in_the_cluster_runs_without_rights():
    """Non-root, no privilege escalation, no capability; images pinned; memory limited."""
    pods = []
    for document in documents("kubernetes/railwatch.yaml"):
        spec = document.get("spec", {})
        if document["kind"] == "DaskCluster":
            pods += [spec["worker"]["spec"], spec["scheduler"]["spec"]]
        if document["kind"] == "Job":
            pods.append(spec["template"]["spec"])
    assert len(pods) == 3
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"]
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert re.fullmatch(r"railwatch:\d+\.\d+\.\d+", container["image"])
            assert container["resources"]["limits"]["memory"]


def test_a_reader_can_read_only_what_is_published():
    """No write, and nothing of records, spool or claims."""
    said = json.loads((INFRA / "policies/reader.json").read_text())

    actions = {action for statement in said["Statement"] for action in statement["Action"]}
    objects = [r for s in said["Statement"] if "s3:GetObject" in s["Action"] for r in s["Resource"]]
    assert actions == {"s3:GetObject", "s3:ListBucket"}
    assert objects == [
        "arn:aws:s3:::BUCKET/PREFIX/areas/*",
        "arn:aws:s3:::BUCKET/PREFIX/catalog.json",
        "arn:aws:s3:::BUCKET/PREFIX/index.html",
    ]


def test_the_image_is_built_from_pins_and_does_not_run_as_root():
    """Two stages, a user by number, versions from constraints.txt."""
    said = (INFRA / "Dockerfile").read_text()

    assert said.count("\nFROM ") == 2
    assert re.search(r"(?m)^USER 10001:10001$", said)
    assert "-c /src/constraints.txt" in said
    assert "COPY . " not in said
