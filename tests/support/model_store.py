"""A BentoML model store of the tests' own: BentoML asks the environment for its place once in a process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bentoml._internal.configuration.containers import BentoMLContainer  # noqa: TID251 (the place has no public name)
from bentoml._internal.models import ModelStore  # noqa: TID251


@contextmanager
def model_store(home: Path) -> Iterator[None]:
    """Keep models below a folder, in this process."""
    (home / "models").mkdir(parents=True)
    with (
        BentoMLContainer.bentoml_home.patch(str(home)),
        BentoMLContainer.model_store.patch(ModelStore(home / "models")),
    ):
        yield
