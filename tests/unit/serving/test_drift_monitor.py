"""The drift monitor as the settings want it: with reports where what draws them is installed."""

import logging
from pathlib import Path

import pytest

from imip.settings import Settings
from serving import drift_monitor


@pytest.mark.parametrize("installed", [True, False])
def test_reports_are_made_where_evidently_is_installed_and_missed_once_where_not(
    installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("IMIP_DATA_FOLDER", str(tmp_path))
    monkeypatch.setattr(drift_monitor, "find_spec", lambda name: object() if installed else None)
    with caplog.at_level(logging.WARNING):
        monitor = drift_monitor.monitor(Settings(), {})
    assert (monitor._report is not None) is installed
    lines = [record.getMessage() for record in caplog.records if record.name == "imip.drift"]
    assert lines == ([] if installed else ["no drift reports are made: Evidently, of the extra `report`, is missing"])
