"""The analysis modules by name. A module is one file or folder here and one artifact under `models/`.

`brain_tumor.py` defines the class `BrainTumor`, which is the module `brain-tumor`. A file is imported only when its
module is used, so that a server does not load the libraries of modules that are not enabled.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from imip.errors import ArtifactError
from imip.inference.artifact import CARD, read_artifact
from imip.inference.module import AnalysisModule


class _Modules(Mapping[str, type[AnalysisModule]]):
    def __getitem__(self, name: str) -> type[AnalysisModule]:
        if name not in set(self):
            raise KeyError(name)
        words = name.split("-")
        file = import_module(f"{__name__}.{'_'.join(words)}")
        module: type[AnalysisModule] = getattr(file, "".join(word.title() for word in words))
        return module

    def __iter__(self) -> Iterator[str]:
        return (file.name.replace("_", "-") for file in iter_modules(__path__))

    def __len__(self) -> int:
        return sum(1 for _ in self)


MODULES: Mapping[str, type[AnalysisModule]] = _Modules()


def load(folder: Path) -> AnalysisModule:
    """Load the artifact in a folder as the module that its card names.

    Raises ArtifactError if a file is missing, altered or not readable, or if the module does not exist.
    """
    artifact = read_artifact(folder)
    if artifact.card.module not in MODULES:
        raise ArtifactError(f"{CARD} is of no module that exists; there are: {', '.join(MODULES)}")
    return MODULES[artifact.card.module](artifact)
