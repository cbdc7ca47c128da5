"""The modules that have an artifact in this repository; one may be in the code before it is trained."""

from tests.support.server import REPOSITORY

SHIPPED = sorted(path.parent.name for path in REPOSITORY.glob("models/*/card.yaml"))
