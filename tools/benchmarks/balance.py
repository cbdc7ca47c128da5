"""How evenly the workers share the requests of a few connections: `python -m tools.benchmarks.balance`.

It starts the real server twice, with and without balancing between workers, and sends bursts to both alternately, so
that a busy machine slows both equally. In a burst each client sends one scan after another on a keep-alive connection.
It prints the share of processor time of the busiest worker, and the responses per second.
"""

import argparse
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tools.benchmarks.server import REPOSITORY, Server, post, print_progress, serving, time_call

TARGETS = {"without": "tools.benchmarks.unbalanced:service", "with": "service:service"}
REST = 1.0  # seconds before a burst, until all connections of the previous burst are closed


@dataclass(frozen=True, slots=True)
class Burst:
    """One burst of requests."""

    share: float  # of the busiest worker
    rate: float  # responses per second


def main() -> None:
    """Measure and print a report in Markdown."""
    options = arguments()
    scan = options.scan.read_bytes()
    with ExitStack() as stack:
        servers = {name: start(stack, target, options.workers) for name, target in TARGETS.items()}
        for clients in options.clients:
            print_progress(f"{options.bursts} bursts from {clients} clients to each server ...")
            bursts: dict[str, list[Burst]] = {name: [] for name in servers}
            for _ in range(options.bursts):
                for name, server in servers.items():
                    bursts[name].append(burst(server, scan, clients, options.requests))
            print(table(clients, bursts))


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks.balance", description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="of a burst (default 200)")
    parser.add_argument("--bursts", type=int, default=10, help="to each server, of each kind (default 10)")
    parser.add_argument("--clients", type=int, nargs="+", default=[2, 4], help="connections (default 2 and 4)")
    parser.add_argument("--workers", type=int, default=2, help="of each server (default 2)")
    parser.add_argument("--scan", type=Path, default=REPOSITORY / "samples" / "brain-axial.png")
    return parser.parse_args()


def start(stack: ExitStack, target: str, workers: int) -> Server:
    """Start a server that runs until the stack closes."""
    print_progress(f"Starting {target} ...")
    home = stack.enter_context(tempfile.TemporaryDirectory(prefix="imip-bench-"))
    server, _ = stack.enter_context(serving(Path(home), workers, target, IMIP_MODULES='["brain-tumor"]'))
    return server


def burst(server: Server, scan: bytes, clients: int, requests: int) -> Burst:
    """Send requests on new connections."""

    def client(_: int) -> None:
        connection = server.connect()
        for _ in range(requests // clients):
            post(connection, "/predict", scan)
        connection.close()

    time.sleep(REST)
    workers = server.workers()
    before = [server.processor_seconds([worker]) for worker in workers]
    with ThreadPoolExecutor(clients) as pool:
        taken = time_call(lambda: list(pool.map(client, range(clients))))
    used = [server.processor_seconds([worker]) - start for worker, start in zip(workers, before, strict=True)]
    return Burst(max(used) / sum(used), requests // clients * clients / taken)


def table(clients: int, bursts: dict[str, list[Burst]]) -> str:
    """Return a table of all bursts, the most uneven first."""
    rows = [f"| {clients} connections | busiest worker's share | answers a second | median |", "|---|---|---|---|"]
    for name, made in bursts.items():
        made = sorted(made, key=lambda one: -one.share)
        shares = " ".join(f"{one.share:.0%}" for one in made)
        rates = " ".join(f"{one.rate:.0f}" for one in made)
        rows.append(f"| {name} balance | {shares} | {rates} | {statistics.median(one.rate for one in made):.0f} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
