"""One worker of the API, made ready: its modules loaded and warm, its log open, its metrics started."""

from collections.abc import Mapping

from starlette.applications import Starlette

from imip.settings import Settings
from monitoring.log.writer import PredictionLog
from serving import analysis_metrics, model_store
from serving.pipeline import Pipeline
from serving.routes.queries import Queries
from serving.schemas.meta import meta
from serving.worker import loading, output, process
from serving.worker.process_metrics import ProcessMetrics


class ApiWorker:
    """What lives as long as a worker process."""

    def __init__(self, settings: Settings, tags: Mapping[str, str], routes: Starlette) -> None:
        """`tags`: of each module in the model store. `routes` get the queries that they answer with."""
        process.harden()
        process.remove_gauges_of_exited_workers()
        modules = {name: loading.load_warm(model_store.folder(tag)) for name, tag in tags.items()}
        self._log = PredictionLog.open(settings)
        self.pipeline = Pipeline(modules, self._log, settings)
        analysis_metrics.announce(modules, settings)
        cards = [module.card for module in modules.values()]
        routes.state.queries = Queries(self._log.engine, meta(cards, settings), settings.upload_seconds)
        self._metrics = ProcessMetrics("api", lambda: self.pipeline.ready)
        output.silence()

    def close(self) -> None:
        self._metrics.stop()
        self.pipeline.close()
        self._log.close()
