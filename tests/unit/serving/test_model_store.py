"""Model versions in a BentoML store of the tests' own: imported once, listed where one is missing, verified always.

The store is chosen by an environment variable that BentoML reads at import, so each test asks a new process.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import REPOSITORY

SETUP = """
import sys
from pathlib import Path
from imip.errors import ArtifactError, UnknownModule
from imip.settings import Settings
from serving import model_store
import bentoml

def fails(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except (ArtifactError, UnknownModule) as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"

ONE = Settings(modules=("brain-tumor",))
shipped = model_store.tag("brain-tumor", None)
version = shipped.partition(":")[2]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "bentoml"


def run(home: Path, code: str, folder: Path = REPOSITORY) -> list[str]:
    """The lines that code prints, after SETUP, in a process with its own store."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("IMIP_", "BENTO"))}
    environment |= {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}
    answer = subprocess.run(
        [sys.executable, "-c", SETUP + code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


def test_the_shipped_artifact_is_imported_once_and_then_left_alone(home: Path) -> None:
    lines = run(
        home,
        """
print(model_store.pinned(ONE) == {"brain-tumor": shipped})
stored = model_store.folder(shipped)
print(sorted(path.name for path in stored.iterdir()))
times = [path.stat().st_mtime_ns for path in sorted(stored.iterdir())]
model_store.pinned(ONE)
print(times == [path.stat().st_mtime_ns for path in sorted(stored.iterdir())])
print(len(bentoml.models.list()), str(bentoml.models.get("brain-tumor:latest").tag) == shipped)
print(bentoml.models.get(shipped).info.labels)
""",
    )
    assert lines[0] == "True"
    assert {"card.yaml", "model.tflite", "reference.npz"} <= set(eval(lines[1]))
    assert lines[2:] == ["True", "1 True", "{'research-only': 'true'}"]


def test_an_unknown_version_or_module_is_refused_with_the_known_ones(home: Path) -> None:
    empty, listed, module, missing, same = run(
        home,
        """
print(fails(model_store.ensure, "brain-tumor", "nosuch"))
model_store.ensure("brain-tumor", None)
print(fails(model_store.ensure, "brain-tumor", "nosuch"), version)
print(fails(model_store.pinned, Settings(modules=("lung", "brain-tumor"))))
print(fails(model_store.folder, "brain-tumor:nosuch"))
print(fails(model_store.ensure, "brain-tumor", version))
""",
    )
    assert empty.startswith("ArtifactError") and "nosuch" in empty and empty.endswith("has: none")
    message, version = listed.rsplit(" ", 1)
    assert message.startswith("ArtifactError") and message.endswith(version)
    assert module.startswith("UnknownModule") and "lung" in module and "brain-tumor" in module
    assert missing.startswith("ArtifactError")
    assert same == "nothing"


def test_a_damaged_artifact_is_not_taken_in_and_a_sound_one_replaces_its_version(home: Path, tmp_path: Path) -> None:
    refused, count, tag, again = run(
        home,
        f"""
import shutil
copy = Path({str(tmp_path / "copy")!r})
shutil.copytree(model_store.SHIPPED / "brain-tumor", copy)
data = bytearray((copy / "model.tflite").read_bytes())
data[1000] ^= 1
(copy / "model.tflite").write_bytes(bytes(data))
print(fails(model_store.add, copy))
print(len(bentoml.models.list()))
data[1000] ^= 1
(copy / "model.tflite").write_bytes(bytes(data))
print(model_store.add(copy) == shipped)
print(model_store.add(copy) == shipped, len(bentoml.models.list()))
""",
    )
    assert refused.startswith("ArtifactError: model.tflite")
    assert (count, tag, again) == ("0", "True", "True 1")


def test_a_new_card_reaches_a_store_that_was_filled_earlier(home: Path, tmp_path: Path) -> None:
    before, after, same = run(
        home,
        f"""
import shutil
from imip.inference.artifact import read_card
model_store.SHIPPED = Path(shutil.copytree(model_store.SHIPPED, {str(tmp_path / "shipped")!r}))
model_store.ensure("brain-tumor", None)
print(read_card(model_store.folder(shipped)).decision.at("threshold"))
card = read_card(model_store.SHIPPED / "brain-tumor")
decision = card.decision.model_copy(update={{"thresholds": card.decision.thresholds | {{"threshold": 0.123}}}})
card.model_copy(update={{"decision": decision}}).write(model_store.SHIPPED / "brain-tumor" / "card.yaml")
model_store.pinned(ONE)
print(read_card(model_store.folder(shipped)).decision.at("threshold"))
(model_store.folder(shipped) / "card.yaml").unlink()
model_store.ensure("brain-tumor", version)
print(read_card(model_store.folder(shipped)).decision.at("threshold"))
""",
    )
    assert before != "0.123"
    assert (after, same) == ("0.123", "0.123")


def test_a_bento_serves_the_version_it_was_built_with_whatever_card_is_in_it(home: Path, tmp_path: Path) -> None:
    source = tmp_path / "src"
    for package in ("imip", "serving"):
        shutil.copytree(REPOSITORY / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    card = source / "models" / "brain-tumor" / "card.yaml"
    card.parent.mkdir(parents=True)
    shutil.copy(REPOSITORY / "models" / "brain-tumor" / "card.yaml", card)
    (tmp_path / "bento.yaml").write_text(
        "models: []\nservices: [{name: imip, models: [{tag: 'other:1'}, {tag: 'brain-tumor:0123456789ab'}]}]\n",
        encoding="utf-8",
    )
    packed, named = run(
        home,
        """
print(model_store.pinned(ONE))
print(model_store.pinned(Settings(modules=("brain-tumor",), model_versions={"brain-tumor": "fedcba987654"})))
""",
        source,
    )
    assert packed == "{'brain-tumor': 'brain-tumor:0123456789ab'}"
    assert named == "{'brain-tumor': 'brain-tumor:fedcba987654'}"
