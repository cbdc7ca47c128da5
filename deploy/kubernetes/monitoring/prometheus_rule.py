"""Writes prometheus-rule.yaml: the rules of prometheus/rules as the object that Prometheus Operator takes.

`python deploy/kubernetes/monitoring/prometheus_rule.py` writes it; with `--check` it is compared.
"""

import sys
from pathlib import Path

import yaml

HERE = Path(__file__).parent
RULES = HERE.parents[2] / "prometheus" / "rules"
MANIFEST = HERE / "prometheus-rule.yaml"
HEADER = "# Made from prometheus/rules by prometheus_rule.py, which stands beside it; change it there.\n"


def manifest() -> str:
    """Return the object as YAML: the groups of every file, in the files' order."""
    files = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(RULES.glob("*.yml"))]
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "imip"},
        "spec": {"groups": [group for file in files for group in file["groups"]]},
    }
    return HEADER + yaml.safe_dump(rule, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    if "--check" not in sys.argv[1:]:
        MANIFEST.write_text(manifest(), encoding="utf-8")
    elif MANIFEST.read_text(encoding="utf-8") != manifest():
        sys.exit(f"{MANIFEST.name} is not what prometheus/rules gives; run {Path(__file__).name}.")
