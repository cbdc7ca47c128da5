"""WorkerPool do each thing once, whatever becomes of some of them."""

import os
import signal
from dataclasses import dataclass
from itertools import count, islice

import pytest

from imip.batch.workers import WorkerPool, WorkersFailed
from imip.errors import ArtifactError

DEADLY = 7


@dataclass(frozen=True)
class Square:
    """Squares numbers, in a process that dies of some."""

    deadly: int | None = None
    beginning: str = "well"

    def initialize(self) -> None:
        if self.beginning == "with an error":
            raise ArtifactError("the artifact is damaged")
        if self.beginning == "dead":
            os._exit(1)

    def __call__(self, number: int) -> int:
        if number == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return number * number


@pytest.mark.parametrize("processes", [1, 2])
def test_every_thing_is_done_once(processes: int) -> None:
    workers = WorkerPool(Square(), processes)
    assert sorted(workers.map_unordered(range(30))) == [(number, number * number) for number in range(30)]
    assert workers.crashes == 0


def test_nothing_to_do_is_done_at_once() -> None:
    assert list(WorkerPool(Square(), 1).map_unordered([])) == []


def test_only_what_kills_its_worker_is_given_up() -> None:
    workers = WorkerPool(Square(DEADLY), 2)
    done = dict(workers.map_unordered(range(30)))
    assert done == {number: None if number == DEADLY else number * number for number in range(30)}
    assert workers.crashes == 2  # among others, and alone


def test_things_are_taken_as_they_are_needed() -> None:
    endless = count()
    done = WorkerPool(Square(), 1).map_unordered(endless)
    assert len(list(islice(done, 20))) == 20
    done.close()
    assert next(endless) < 40


def test_what_goes_wrong_at_the_beginning_ends_the_run() -> None:
    with pytest.raises(ArtifactError, match="damaged"):
        list(WorkerPool(Square(beginning="with an error"), 2).map_unordered(range(3)))


def test_workers_that_die_before_they_work_end_the_run() -> None:
    with pytest.raises(WorkersFailed):
        list(WorkerPool(Square(beginning="dead"), 2).map_unordered(range(3)))
