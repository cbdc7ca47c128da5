"""The lease: one holder at a time, whoever asks and however many ask at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select, update

from monitoring.lease import SECONDS, Lease, is_held
from monitoring.tables import leases

NAME = "drift-monitor"


@pytest.fixture
def one(database: Engine) -> Lease:
    return Lease(database, NAME, "one")


@pytest.fixture
def other(database: Engine) -> Lease:
    return Lease(database, NAME, "other")


def expires(database: Engine) -> float:
    with database.execution_options(reading=True).connect() as connection:
        return float(connection.execute(select(leases.c.expires)).scalar_one())


def let_pass(database: Engine, seconds: float) -> None:
    """Bring the end of the lease nearer."""
    with database.begin() as connection:
        connection.execute(update(leases).values(expires=leases.c.expires - seconds))


def test_one_holds_and_the_other_waits(database: Engine, one: Lease, other: Lease) -> None:
    assert not is_held(database, NAME)
    assert one.take()
    assert not other.take()
    assert one.take()
    assert not other.take()
    assert is_held(database, NAME)
    assert not is_held(database, "another")


def test_names_do_not_matter_to_each_other(database: Engine, one: Lease) -> None:
    assert one.take()
    assert Lease(database, "another", "other").take()


def test_taking_it_again_prolongs_it(database: Engine, one: Lease, other: Lease) -> None:
    assert one.take()
    let_pass(database, SECONDS - 5)
    almost_over = expires(database)
    assert one.take()
    assert expires(database) > almost_over + SECONDS / 2
    let_pass(database, SECONDS - 5)
    assert not other.take()


def test_a_holder_that_is_silent_loses_it(database: Engine, one: Lease, other: Lease) -> None:
    assert one.take()
    let_pass(database, SECONDS + 1)
    assert not is_held(database, NAME)
    assert other.take()
    assert not one.take()
    assert is_held(database, NAME)


def test_a_late_holder_may_go_on_if_nobody_took_over(database: Engine, one: Lease, other: Lease) -> None:
    assert one.take()
    let_pass(database, SECONDS + 1)
    assert one.take()
    assert not other.take()


def test_a_released_lease_is_free_at_once(database: Engine, one: Lease, other: Lease) -> None:
    assert one.take()
    other.release()  # is not its own
    assert not other.take()
    one.release()
    one.release()
    assert not is_held(database, NAME)
    assert other.take()


@pytest.mark.parametrize("start", ["new", "over"])
def test_of_many_at_once_exactly_one_gets_it(database: Engine, one: Lease, start: str) -> None:
    if start == "over":
        assert one.take()
        let_pass(database, SECONDS + 1)
    asking = [Lease(database, NAME, f"thread-{number}") for number in range(12)]
    with ThreadPoolExecutor(len(asking)) as threads:
        assert sorted(threads.map(Lease.take, asking)) == [False] * 11 + [True]
