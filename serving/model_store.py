"""Model versions in the BentoML model store: the shipped artifact is imported on first use, training adds more."""

import shutil
from pathlib import Path
from typing import Any

import bentoml
import yaml
from bentoml.exceptions import NotFound
from bentoml.models import BentoModel

from imip.errors import ArtifactError, UnknownModule
from imip.inference.artifact import CARD, REFERENCE, read_card
from imip.modules import MODULES, load
from imip.settings import Settings

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "models"
BENTO = ROOT.parent / "bento.yaml"  # a Bento brings the models it was built with, and names them here
IN_BENTO = BENTO.exists()


class PinnedModel(BentoModel):
    """A version to serve or to build into a Bento. BentoML finds the shipped one in the store as soon as it looks."""

    def to_info(self, alias: str | None = None) -> Any:
        ensure(self.tag.name, self.tag.version)
        return super().to_info(alias)

    def resolve(self, base_path: Any = None) -> Any:
        ensure(self.tag.name, self.tag.version)
        return super().resolve(base_path)


def tags(settings: Settings) -> dict[str, str]:
    """Return the tag that each enabled module is served with.

    Raises UnknownModule if a module is enabled that does not exist, ArtifactError if it has no version.
    """
    if unknown := set(settings.modules) - set(MODULES):
        raise UnknownModule(f"IMIP_MODULES names {', '.join(sorted(unknown))}; there are: {', '.join(MODULES)}.")
    return {name: tag(name, settings.model_versions.get(name)) for name in settings.modules}


def pinned(settings: Settings) -> dict[str, str]:
    """Return the tags, and outside a Bento make sure that the store holds them. Raises as `tags`."""
    found = tags(settings)
    if not IN_BENTO:
        for name in found:
            ensure(name, settings.model_versions.get(name))
    return found


def tag(module: str, version: str | None) -> str:
    """Return the store's tag of a module's version: the one named, or that which the Bento was built with, or the
    shipped one, or the newest in the store of a module that is not shipped.

    Raises ArtifactError if no version is named and there is none.
    """
    if version:
        return f"{module}:{version}"
    if IN_BENTO:
        return _packed_tag(module)
    if (SHIPPED / module / CARD).exists():
        return f"{module}:{read_card(SHIPPED / module).version}"
    return _newest_tag(module)


def ensure(module: str, version: str | None) -> None:
    """Make sure that a version is in the store; the shipped artifact is imported if it, or its card alone, is new.

    Raises ArtifactError, listing the versions there are, if it is in neither place.
    """
    wanted, shipped = tag(module, version), SHIPPED / module
    if (shipped / REFERENCE).exists() and wanted == tag(module, None):
        if not (_holds(wanted) and _same_card(shipped, folder(wanted))):
            add(shipped)
        return
    if _holds(wanted):
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
    with bentoml.models.create(name, module="imip.inference.artifact", labels={"research-only": "true"}) as stored:
        shutil.copytree(artifact, stored.path, dirs_exist_ok=True)
    return name


def folder(name: str) -> Path:
    """Return where a version stands: in the Bento around this or in the store. Raises ArtifactError if in neither."""
    packed = BENTO.parent / "models" / name.replace(":", "/")
    if IN_BENTO and packed.exists():  # by itself BentoML looks there only in the processes that it serves with
        return packed
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


def _same_card(one: Path, other: Path) -> bool:
    """The version is the engine's; thresholds and texts may change under it."""
    return (other / CARD).exists() and (one / CARD).read_bytes() == (other / CARD).read_bytes()


def _packed_tag(module: str) -> str:
    services = yaml.safe_load(BENTO.read_text(encoding="utf-8"))["services"]
    tags = (str(model["tag"]) for service in services for model in service["models"])
    try:
        return next(tag for tag in tags if tag.startswith(f"{module}:"))
    except StopIteration:
        raise ArtifactError(f"this Bento was built without a model of {module}") from None


def _newest_tag(module: str) -> str:
    try:
        return str(bentoml.models.get(f"{module}:latest").tag)
    except NotFound:
        raise ArtifactError(f"no {module} is shipped or in the model store; `imip train` makes one") from None
