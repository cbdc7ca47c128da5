"""Model versions in the BentoML model store: the shipped artifact is imported on first use, training adds more."""

import shutil
from pathlib import Path

import bentoml
from bentoml.exceptions import NotFound

from imip.card import Card
from imip.errors import ArtifactError, UnknownModule
from imip.model import CARD, GRAPH, load
from imip.modules import MODULES
from imip.settings import Settings

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "models"
IN_BENTO = (ROOT.parent / "bento.yaml").exists()  # a Bento brings its pinned models in a store of its own


def pinned(settings: Settings) -> dict[str, str]:
    """Return the tag that each enabled module is served with; outside a Bento, make sure that the store holds it.

    Raises UnknownModule if a module is enabled that does not exist, ArtifactError if a version does not.
    """
    if unknown := set(settings.modules) - set(MODULES):
        raise UnknownModule(f"IMIP_MODULES names {', '.join(sorted(unknown))}; there are: {', '.join(MODULES)}.")
    tags = {name: tag(name, settings.model_versions.get(name)) for name in settings.modules}
    if not IN_BENTO:
        for name in tags:
            ensure(name, settings.model_versions.get(name))
    return tags


def tag(module: str, version: str | None) -> str:
    """Return the store's tag of a module's version, by default the shipped one.

    Raises ArtifactError if no version is named and none is shipped.
    """
    return f"{module}:{version or _shipped_card(module).version}"


def ensure(module: str, version: str | None) -> None:
    """Make sure that a version is in the store; the shipped artifact is imported if it is asked for and new.

    Raises ArtifactError, listing the versions there are, if it is in neither place.
    """
    wanted = tag(module, version)
    if _holds(wanted):
        return
    if (SHIPPED / module / GRAPH).exists() and wanted == tag(module, None):
        add(SHIPPED / module)
        return
    known = sorted(str(model.tag.version) for model in bentoml.models.list() if model.tag.name == module)
    raise ArtifactError(f"there is no version {wanted}; the model store has: {', '.join(known) or 'none'}")


def add(artifact: Path) -> str:
    """Verify an artifact, copy it into the store and return its tag. The same version is replaced.

    Raises ArtifactError if it is damaged.
    """
    card = load(artifact).card
    name = f"{card.module}:{card.version}"
    if _holds(name):
        bentoml.models.delete(name)
    with bentoml.models.create(name, module="imip.model", labels={"research-only": "true"}) as stored:
        shutil.copytree(artifact, stored.path, dirs_exist_ok=True)
    return name


def folder(name: str) -> Path:
    """Return where the store keeps a version. Raises ArtifactError if it does not."""
    try:
        return Path(bentoml.models.get(name).path)
    except NotFound:
        raise ArtifactError(f"the model store has no {name}") from None


def _holds(name: str) -> bool:
    try:
        bentoml.models.get(name)
    except NotFound:
        return False
    return True


def _shipped_card(module: str) -> Card:
    try:
        return Card.read(SHIPPED / module / CARD)
    except OSError as fault:
        raise ArtifactError(f"no artifact of {module} is shipped, and no version is named") from fault
