"""The worker of the drift monitor's service."""

from collections.abc import Mapping

from imip.settings import Settings
from serving import drift_monitor
from serving.worker import process
from serving.worker.process_metrics import ProcessMetrics


class DriftMonitorWorker:
    """What lives as long as the monitor's process."""

    def __init__(self, settings: Settings, tags: Mapping[str, str]) -> None:
        """`tags`: of each module in the model store."""
        process.remove_gauges_of_exited_workers()
        self._monitor = drift_monitor.monitor(settings, tags)
        self._monitor.start()
        self._metrics = ProcessMetrics("drift-monitor")

    def close(self) -> None:
        self._metrics.stop()
        self._monitor.stop()
