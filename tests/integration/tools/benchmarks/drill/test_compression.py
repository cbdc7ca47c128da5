"""Prometheus takes compressed rules."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.prometheus import RULES, promtool
from tools.benchmarks.drill.compression import compressed


def read(file: Path) -> dict[str, Any]:
    rules: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return rules


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_prometheus_takes_compressed_rules(file: Path, tmp_path: Path) -> None:
    made = tmp_path / file.name
    made.write_text(yaml.safe_dump(compressed(read(file), 10, 10)), encoding="utf-8")
    assert "SUCCESS" in promtool("check", "rules", made)
