"""What a worker exports of itself: all its series from zero on, what it runs, and what scans declare."""

from collections.abc import Iterator

import pytest

from imip.inference.card import Card
from tests.support.scan_files import mr_bytes, ramp
from tests.support.server import REPOSITORY, Server, running, wait_for


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that nobody asked anything."""
    with running(tmp_path_factory.mktemp("idle"), IMIP_WORKERS="1") as started:
        yield started


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("imip_request_duration_seconds_count", {"route": "/predict", "status": "503"}),
        ("imip_predictions_total", {"module": "brain-tumor", "label": "Tumor"}),
        ("imip_decisions_total", {"decision": "uncertain"}),
        ("imip_warnings_total", {"warning": "out_of_distribution"}),
        ("imip_warnings_total", {"warning": "burned_in_annotation"}),
        ("imip_rejections_total", {"reason": "overloaded"}),
        ("imip_rejections_total", {"reason": "scan-too-large"}),
        ("imip_upload_size_bytes_count", {"format": "dicom"}),
        ("imip_dicom_scans_total", {"identity_removed": "no", "burned_in": "yes"}),
        ("imip_log_rows_total", {"outcome": "refused"}),
        ("imip_feedback_total", {"module": "brain-tumor"}),
        ("imip_stage_duration_seconds_count", {"stage": "overlay"}),
    ],
)
def test_what_has_not_happened_yet_stands_at_zero(idle: Server, name: str, labels: dict[str, str]) -> None:
    found = [s.value for s in idle.samples() if s.name == name and labels.items() <= s.labels.items()]
    assert found == [0]


def test_the_cards_bounds_are_exported(idle: Server) -> None:
    test = Card.read(REPOSITORY / "models" / "brain-tumor" / "card.yaml").metrics["test"]["metrics"]
    missed = idle.value("imip_model_false_negative_rate_bound_ratio", module="brain-tumor", actual="Tumor")
    assert missed == test["false_negative_rate"]["high"]
    assert idle.value("imip_model_accuracy_bound_ratio", module="brain-tumor") == test["accuracy"]["low"]


def test_places_and_the_journal_have_their_limits(idle: Server) -> None:
    assert idle.value("imip_request_places") == 8
    assert idle.value("imip_log_journal_rows_limit") == 100_000


@pytest.mark.parametrize(
    ("declared", "labels"),
    [
        ({}, ("undeclared", "undeclared")),
        ({"PatientIdentityRemoved": "YES", "BurnedInAnnotation": "NO"}, ("yes", "no")),
        ({"PatientIdentityRemoved": "NO", "BurnedInAnnotation": "YES"}, ("no", "yes")),
        ({"PatientIdentityRemoved": "DOE^JOHN"}, ("undeclared", "undeclared")),
    ],
)
def test_dicom_is_counted_by_what_it_declares(idle: Server, declared: dict[str, str], labels: tuple[str, str]) -> None:
    identity, burned_in = labels

    def counted() -> float:
        return idle.value("imip_dicom_scans_total", identity_removed=identity, burned_in=burned_in)

    before = counted()
    scan = mr_bytes(ramp(64, 64), Modality="MR", **declared)
    answer = idle.http.post("/predict", files={"file": scan})
    assert answer.status_code == 200, answer.text
    assert counted() == before + 1


def test_a_wait_for_the_thread_is_counted(idle: Server, png: bytes) -> None:
    before = idle.value("imip_queue_duration_seconds_count")
    assert idle.http.post("/heatmap", files={"file": png}).status_code == 200
    assert idle.value("imip_queue_duration_seconds_count") == before + 1


def test_a_worker_tells_its_memory_time_and_readiness(idle: Server) -> None:
    (worker,) = idle.workers()
    wait_for(lambda: idle.value("imip_workers_ready") == idle.value("imip_workers") == 1)
    resident = idle.value("imip_process_resident_memory_bytes", process="api")
    assert 0.5 < resident / worker.memory_info().rss < 2
    assert idle.value("imip_process_cpu_seconds_total", process="api") > 0
