"""README says what is true: its settings are the settings, its samples are there, its commands exist."""

import re
import subprocess
import sys
from pathlib import Path

from imip.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_setting_is_named_that_does_not_exist():
    named = set(re.findall(r"`IMIP_(\w+)", README))
    assert named <= {name.upper() for name in Settings.model_fields}


def test_files_it_names_exist():
    named = re.findall(r"(?:@|\]\(|`)((?:samples|docs|tests|training)/[\w./-]+)", README)
    assert named
    for path in named:
        assert (ROOT / path).exists(), path


def test_commands_it_names_exist():
    for command in set(re.findall(r"^imip (\w+)", README, re.MULTILINE)):
        shown = subprocess.run([sys.executable, "-m", "imip", command, "--help"], capture_output=True, text=True)
        assert f"imip {command}" in shown.stdout


def test_it_warns_on_its_first_screen():
    assert "not a medical device" in "\n".join(README.splitlines()[:12])
