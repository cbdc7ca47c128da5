"""Every Prometheus metric IMIP exports, and nothing else.

Names, base units and labels follow Prometheus' naming practice. Label values come from closed sets only:
modules, labels, stages, routes, status codes, reasons and formats are all ours, never a client's.
Import this module only after the server has set its multi-process directory.
"""

from prometheus_client import Counter, Gauge, Histogram

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds; objectives at 0.25 and 1
STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds
RATIO_BUCKETS = tuple(step / 20 for step in range(1, 21))
BYTE_BUCKETS = tuple(float(4**power * 1024) for power in range(8))  # 1 KiB to 16 MiB

request_duration = Histogram(
    "imip_request_duration_seconds",
    "Time from the request's first byte to the answer's last",
    ["route", "status"],
    buckets=LATENCY_BUCKETS,
)
requests_in_flight = Gauge(
    "imip_requests_in_flight", "Requests being answered now", ["route"], multiprocess_mode="livesum"
)
request_places = Gauge(
    "imip_request_places", "Analyses that all workers hold at once; more are shed", multiprocess_mode="livesum"
)
shed = Counter("imip_shed_requests", "Requests turned away because all places were taken", ["route"])
queue_duration = Histogram(
    "imip_queue_duration_seconds", "Time an analysis waits for its worker's thread", buckets=STAGE_BUCKETS
)
stage_duration = Histogram(
    "imip_stage_duration_seconds", "Time spent in one stage of an analysis", ["module", "stage"], buckets=STAGE_BUCKETS
)
predictions = Counter("imip_predictions", "Predictions answered", ["module", "label"])
decisions = Counter("imip_decisions", "Predictions answered by how sure the decision was", ["module", "decision"])
confidence = Histogram(
    "imip_confidence_ratio",
    "Calibrated probability of the label given; the highest one of an abstention",
    ["module"],
    buckets=RATIO_BUCKETS,
)
warnings = Counter("imip_warnings", "Warnings given with predictions", ["module", "warning"])
rejections = Counter("imip_rejections", "Requests refused, a full worker's among them", ["reason"])
upload_size = Histogram("imip_upload_size_bytes", "Size of the scans analysed", ["format"], buckets=BYTE_BUCKETS)
dicom_scans = Counter(
    "imip_dicom_scans", "DICOM files analysed, by what they declare of themselves", ["identity_removed", "burned_in"]
)
model_info = Gauge(
    "imip_model_info", "1 for each model version served", ["module", "version"], multiprocess_mode="mostrecent"
)
module_load_duration = Gauge(
    "imip_module_load_duration_seconds",
    "Time a worker took to load a module and answer a first scan",
    ["module"],
    multiprocess_mode="mostrecent",
)
module_memory = Gauge(
    "imip_module_memory_bytes",
    "Resident memory by which a worker grew as it loaded a module",
    ["module"],
    multiprocess_mode="mostrecent",
)
build_info = Gauge(
    "imip_build_info", "1, labelled with what runs", ["version", "python", "bentoml"], multiprocess_mode="mostrecent"
)

false_negative_rate_bound = Gauge(
    "imip_model_false_negative_rate_bound_ratio",
    "Upper end of the card's 95% interval of the rate at which scans of this label are missed",
    ["module", "actual"],
    multiprocess_mode="mostrecent",
)
accuracy_bound = Gauge(
    "imip_model_accuracy_bound_ratio",
    "Lower end of the card's 95% interval of accuracy",
    ["module"],
    multiprocess_mode="mostrecent",
)

workers = Gauge("imip_workers", "API workers alive", multiprocess_mode="livesum")
workers_ready = Gauge(
    "imip_workers_ready", "API workers that are warm and whose log takes predictions", multiprocess_mode="livesum"
)
resident_memory = Gauge(
    "imip_process_resident_memory_bytes",
    "Resident memory of this server's processes of a kind",
    ["process"],
    multiprocess_mode="livesum",
)
processor_time = Counter(
    "imip_process_cpu_seconds", "Processor time used by this server's processes of a kind", ["process"]
)

log_rows = Counter("imip_log_rows", "Predictions written to the log, spooled to the journal, or refused", ["outcome"])
log_failures = Counter("imip_log_failures", "Times the prediction log's database was lost")
log_available = Gauge(
    "imip_log_available",
    "1 while the prediction log's database takes predictions",
    ["backend"],  # without a label, processes that write no predictions would say 0
    multiprocess_mode="livemin",
)
log_journal_rows = Gauge(
    "imip_log_journal_rows", "Predictions that wait in the journal for the database", multiprocess_mode="livemostrecent"
)
log_journal_limit = Gauge(
    "imip_log_journal_rows_limit", "Predictions that the journal may hold", multiprocess_mode="livemax"
)
log_commit_duration = Histogram(
    "imip_log_commit_duration_seconds", "Time one commit of the prediction log takes", buckets=STAGE_BUCKETS
)
log_commit_rows = Histogram(
    "imip_log_commit_rows", "Predictions committed together", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)


def newest(name: str, documentation: str, *labels: str) -> Gauge:
    """Return a gauge that only the drift monitor sets: what it wrote last counts, whichever process that was."""
    return Gauge(name, documentation, labels, multiprocess_mode="mostrecent")


log_stored = newest("imip_log_stored_rows", "Predictions that the log holds, by their numbers")
log_oldest = newest("imip_log_oldest_timestamp_seconds", "When the oldest prediction in the log was made; 0 of none")
log_retention_time = newest("imip_log_retention_seconds", "Age at which predictions are deleted")
log_retention_rows = newest("imip_log_retention_rows", "Predictions beyond which the oldest are deleted")
log_pruned = Counter("imip_log_pruned_rows", "Predictions, checks and feedback deleted as too old or too many")

feedback_given = Counter("imip_feedback", "Labels that reviewers gave to predictions", ["module"])
labelled_findings = newest(
    "imip_labelled_findings",
    "Predictions of the last weeks whose label a reviewer gave, by both labels and the confidence",
    "module",
    "predicted",
    "actual",
    "confidence",
)
estimated_accuracy = newest(
    "imip_estimated_accuracy_ratio",
    "Accuracy of the last predictions as their calibrated confidence lets expect it; no label was seen",
    "module",
)

drift_detected = newest("imip_drift_detected", "1 if the last check's detector says drift", "module", "detector")
drift_statistic = newest("imip_drift_statistic", "The detector's statistic in the last check", "module", "detector")
drift_threshold = newest("imip_drift_threshold", "What the statistic is compared with", "module", "detector")
drift_p_value = newest("imip_drift_p_value", "The detector's p-value in the last check", "module", "detector")
drift_feature_statistic = newest(
    "imip_drift_feature_statistic",
    "Kolmogorov-Smirnov distance of a feature from the reference, 0 to 1",
    "module",
    "feature",
)
drift_feature_detected = newest(
    "imip_drift_feature_detected", "1 if the feature drifts, the false discovery rate controlled", "module", "feature"
)
drift_window_fill = newest(
    "imip_drift_window_fill_ratio", "Independent predictions in the last check's window, of those wanted", "module"
)
drift_reference_findings = newest(
    "imip_drift_reference_findings", "Predictions in the reference of the last check", "module"
)
drift_reference_info = newest(
    "imip_drift_reference_info", "1 for the reference of the last check, 0 for earlier ones", "module", "version"
)
drift_last_check = newest("imip_drift_last_check_timestamp_seconds", "When the last check was made", "module")
drift_check_duration = newest("imip_drift_check_duration_seconds", "Time the last check took", "module")
drift_failures = Counter("imip_drift_failures", "Turns of the drift monitor that failed")
drift_computing = Gauge(
    "imip_drift_computing", "1 if this server's monitor is the one that computes", multiprocess_mode="livesum"
)
