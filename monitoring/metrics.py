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
requests_in_flight = Gauge("imip_requests_in_flight", "Requests being answered now", multiprocess_mode="livesum")
stage_duration = Histogram(
    "imip_stage_duration_seconds", "Time spent in one stage of an analysis", ["module", "stage"], buckets=STAGE_BUCKETS
)
predictions = Counter("imip_predictions", "Findings answered", ["module", "label"])
decisions = Counter("imip_decisions", "Findings answered by how sure the decision was", ["module", "decision"])
confidence = Histogram(
    "imip_confidence_ratio", "Calibrated probability of the label given", ["module"], buckets=RATIO_BUCKETS
)
warnings = Counter("imip_warnings", "Warnings given with findings", ["module", "warning"])
rejections = Counter("imip_rejections", "Requests refused, a full worker's among them", ["reason"])
upload_size = Histogram("imip_upload_size_bytes", "Size of the scans analysed", ["format"], buckets=BYTE_BUCKETS)
model_info = Gauge(
    "imip_model_info", "1 for each model version served", ["module", "version"], multiprocess_mode="mostrecent"
)
build_info = Gauge(
    "imip_build_info", "1, labelled with what runs", ["version", "python", "bentoml"], multiprocess_mode="mostrecent"
)
