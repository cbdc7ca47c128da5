"""Settings are read from the environment, and one that cannot work is refused by its name."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from imip.modules import MODULES
from imip.scan.limits import Limits
from imip.settings import DriftSettings, Settings
from tests.support.shipped import SHIPPED


def test_every_setting_can_be_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "WORKERS": ("3", 3),
        "MODULES": ('["brain-tumor"]', ("brain-tumor",)),
        "MODEL_VERSIONS": ('{"brain-tumor": "abc"}', {"brain-tumor": "abc"}),
        "BURNED_IN": ("refuse", "refuse"),
        "MAX_BODY_BYTES": ("1000", 1000),
        "MAX_SIDE": ("100", 100),
        "MAX_PIXELS": ("5000", 5000),
        "MAX_FRAMES": ("7", 7),
        "MAX_DECODED_BYTES": ("8000", 8000),
        "MAX_INFLATED_BYTES": ("9000", 9000),
        "MAX_IN_FLIGHT": ("4", 4),
        "UPLOAD_SECONDS": ("2.5", 2.5),
        "DATA_FOLDER": ("there", Path("there")),
        "DATABASE_URL": ("postgresql://imip@db/imip", SecretStr("postgresql://imip@db/imip")),
        "LOG_OUTAGE": ("spool", "spool"),
        "JOURNAL_ROWS": ("10", 10),
        "DRIFT_MONITOR": ("off", "off"),
        "DRIFT": ('{"brain-tumor": {"window": 100}}', {"brain-tumor": DriftSettings(window=100)}),
        "RETENTION_DAYS": ("30", 30.0),
        "RETENTION_ROWS": ("1000", 1000),
        "LOG_FORMAT": ("json", "json"),
    }
    assert set(values) == {name.upper() for name in Settings.model_fields}
    for name, (text, _) in values.items():
        monkeypatch.setenv(f"IMIP_{name}", text)
    settings = Settings()
    for name, (_, value) in values.items():
        assert getattr(settings, name.lower()) == value
    assert settings.limits == Limits(
        body_bytes=1000, side=100, pixels=5000, frames=7, decoded_bytes=8000, inflated_bytes=9000
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WORKERS", "many"),
        ("BURNED_IN", "maybe"),
        ("MAX_SIDE", "0"),
        ("MAX_BODY_BYTES", "-1"),
        ("MAX_IN_FLIGHT", "0"),
        ("UPLOAD_SECONDS", "0"),
        ("UPLOAD_SECONDS", "nan"),
        ("LOG_FORMAT", "xml"),
        ("WORKERS", "0"),
        ("WORKERS", "-1"),
        ("MODULES", "[]"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(f"IMIP_{name}", text)
    with pytest.raises(ValidationError, match=re.escape(name.lower())):
        Settings()


def test_the_modules_served_by_default_are_those_shipped_and_an_empty_value_means_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMIP_MODULES", "")
    assert set(Settings().modules) == set(SHIPPED) <= set(MODULES)


def test_every_setting_says_what_it_is_for_and_defaults_are_the_limits() -> None:
    for model in (Settings, DriftSettings):
        assert all(field.description for field in model.model_fields.values())
    assert Settings().limits == Limits()


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ('{"features": ["colour"]}', "symmetry"),
        ('{"p_value": 0.001}', "2999"),
        ('{"p_value": 0.001, "detectors": ["mmd"]}', "999"),
        ('{"windows": 10}', "Extra inputs"),
        ('{"window": 1}', "greater"),
    ],
)
def test_a_rule_for_drift_that_cannot_work_is_refused_at_the_start(
    rule: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMIP_DRIFT", f'{{"brain-tumor": {rule}}}')
    with pytest.raises(ValidationError, match=told):
        Settings()


def test_a_rule_for_the_drift_of_no_module_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMIP_DRIFT", '{"brain-tumour": {}}')
    with pytest.raises(ValidationError, match="enabled are: brain-tumor"):
        Settings()
