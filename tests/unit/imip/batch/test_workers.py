"""Workers do each thing once, whatever becomes of some of them."""

import os
import signal
from dataclasses import dataclass
from itertools import count, islice

import pytest

from imip.batch.workers import Workers, WorkersFailed
from imip.errors import ArtifactError

DEADLY = 7


@dataclass(frozen=True)
class Square:
    """Squares numbers, in a process that dies of some."""

    deadly: int | None = None
    beginning: str = "well"

    def begin(self) -> None:
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
    workers = Workers(Square(), processes)
    assert sorted(workers.over(range(30))) == [(number, number * number) for number in range(30)]
    assert workers.deaths == 0


def test_nothing_to_do_is_done_at_once() -> None:
    assert list(Workers(Square(), 1).over([])) == []


def test_only_what_kills_its_worker_is_given_up() -> None:
    workers = Workers(Square(DEADLY), 2)
    done = dict(workers.over(range(30)))
    assert done == {number: None if number == DEADLY else number * number for number in range(30)}
    assert workers.deaths == 2  # among others, and alone


def test_things_are_taken_as_they_are_needed() -> None:
    endless = count()
    done = Workers(Square(), 1).over(endless)
    assert len(list(islice(done, 20))) == 20
    done.close()
    assert next(endless) < 40


def test_what_goes_wrong_at_the_beginning_ends_the_run() -> None:
    with pytest.raises(ArtifactError, match="damaged"):
        list(Workers(Square(beginning="with an error"), 2).over(range(3)))


def test_workers_that_die_before_they_work_end_the_run() -> None:
    with pytest.raises(WorkersFailed):
        list(Workers(Square(beginning="dead"), 2).over(range(3)))
