"""Two workers share the work of two or four connections, though one of them had all."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from serving.middleware.balance import RECENT_SECONDS
from tests.support.server import Server, wait_for

FIRST, THEN = 3, 50  # requests on each connection


@pytest.mark.parametrize("connections", [2, 4])
def test_two_workers_share_the_work_of_a_few_connections(server: Server, png: bytes, connections: int) -> None:
    """One worker is stopped until the other has all connections."""
    time.sleep(RECENT_SECONDS)  # for what other tests did
    start = answered(server)
    clients = [server.client() for _ in range(connections)]

    def ask(client: httpx.Client, times: int) -> None:
        for _ in range(times):
            assert client.post("/predict", files={"file": png}).status_code == 200

    with ThreadPoolExecutor(connections) as threads:
        stopped, _ = server.workers()
        stopped.suspend()
        try:
            list(threads.map(ask, clients, [FIRST] * connections))
        finally:
            stopped.resume()
        wait_for(lambda: (answered(server) - start).total() == FIRST * connections)  # it is counted after the answer
        before = answered(server)
        list(threads.map(ask, clients, [THEN] * connections))
    wait_for(lambda: (answered(server) - before).total() == THEN * connections)
    for client in clients:
        client.close()
    done = answered(server) - before
    assert min(done[worker.pid] for worker in server.workers()) >= 0.35 * done.total(), done


def answered(server: Server) -> Counter[int]:
    """How many predictions each process has answered, as it tells /metrics."""
    return Counter(
        {
            int(file.stem.rpartition("_")[2]): int(sample.value)
            for file in server.root.rglob("histogram_*.db")
            for family in MultiProcessCollector.merge([str(file)], accumulate=True)
            for sample in family.samples
            if sample.name == "imip_request_duration_seconds_count"
            and sample.labels == {"route": "/predict", "status": "200"}
        }
    )
