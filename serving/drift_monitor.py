"""The drift monitor as this server's settings want it."""

import logging
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec

from sqlalchemy import Engine

from imip.errors import UnknownModule
from imip.inference.artifact import read_card
from imip.inference.module import AnalysisModule
from imip.modules import load
from imip.settings import Settings
from monitoring.database import connect, migrate
from monitoring.drift.checker import DriftChecker
from monitoring.drift.reference import artifact_reference
from monitoring.monitor import Monitor
from monitoring.reports import store
from serving import model_store

log = logging.getLogger("imip.drift")


def monitor(settings: Settings, tags: Mapping[str, str]) -> Monitor:
    """Return a monitor of these modules, by their tags in the model store. Raises ArtifactError if one is damaged."""
    engine = connect(settings.database)
    checkers = [_checker(engine, settings, tag) for tag in tags.values()]
    report = partial(store.make_and_keep, engine) if find_spec("evidently") else None
    if report is None:
        log.warning("no drift reports are made: Evidently, of the extra `report`, is missing")
    return Monitor(engine, checkers, settings.retention_days, settings.retention_rows, report)


def checker_of(module: str) -> tuple[Engine, DriftChecker]:
    """Return the log and one module as the settings of this process want them, for a command.

    Raises UnknownModule if the settings do not enable it.
    """
    settings = Settings()
    engine = connect(settings.database)
    migrate(engine)
    return engine, _checker(engine, settings, _tag(settings, module))


def served(module: str) -> AnalysisModule:
    """Return a module as it would be served. Raises UnknownModule if the settings do not enable it."""
    return load(model_store.folder(_tag(Settings(), module)))


def _tag(settings: Settings, module: str) -> str:
    if module not in settings.modules:
        raise UnknownModule(f"No such module is enabled; there are: {', '.join(settings.modules)}.")
    return model_store.pinned(settings)[module]


def _checker(engine: Engine, settings: Settings, tag: str) -> DriftChecker:
    folder = model_store.folder(tag)
    card = read_card(folder)
    return DriftChecker(engine, card, artifact_reference(folder, card), settings.drift_of(card.module))
