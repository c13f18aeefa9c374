"""Shares of the callers: too often and too many at once are told with the time to wait."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from limits import parse

from cds_service.security.clients import OPEN
from cds_service.security.quota import Leases, Quotas, Throttled
from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from cds_service.store.records import StoreAway, StoreError
from cds_service.store.shares import UsedShares
from tests.servers.postgresql import PostgreSQL

CLIENT = replace(OPEN, issuer="https://a.example")


def test_rate_is_counted_for_each_client_alone() -> None:
    quotas = Quotas()
    limited = replace(CLIENT, rate=parse("3/minute"))
    other = replace(limited, issuer="https://b.example")
    for _ in range(3):
        with quotas.admitted(limited, "1.1.1.1"):
            pass
    with pytest.raises(Throttled) as refused, quotas.admitted(limited, "2.2.2.2"):
        pass
    assert (refused.value.status, 0 < refused.value.retry_seconds <= 61) == (429, True)
    with quotas.admitted(other, "1.1.1.1"):
        pass


def test_calls_at_once_are_bounded_and_give_their_place_back() -> None:
    quotas = Quotas()
    limited = replace(CLIENT, concurrent=2)
    with quotas.admitted(limited, ""), quotas.admitted(limited, ""):
        with pytest.raises(Throttled) as refused, quotas.admitted(limited, ""):
            pass
        assert (refused.value.status, refused.value.retry_seconds) == (503, 1)
    with pytest.raises(ZeroDivisionError), quotas.admitted(limited, ""):
        raise ZeroDivisionError
    with quotas.admitted(limited, ""), quotas.admitted(limited, ""):
        pass
    assert not quotas._running


def test_callers_without_registration_share_by_address() -> None:
    quotas = Quotas()
    limited = replace(OPEN, concurrent=1)
    with (
        quotas.admitted(limited, "1.1.1.1"),
        quotas.admitted(limited, "2.2.2.2"),
        pytest.raises(Throttled),
        quotas.admitted(limited, "1.1.1.1"),
    ):
        pass


@pytest.fixture(params=["sqlite", "postgresql"])
def shares(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[UsedShares]]:
    """The same counts as two processes have them."""
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    if request.param == "postgresql":
        cluster: PostgreSQL = request.getfixturevalue("postgresql")
        url = cluster.new_database()
    store = SqlStore(url)
    store.open()
    databases = [Database(url), Database(url)]
    yield [UsedShares(database) for database in databases]
    for database in databases:
        database.close()
    store.close()


@pytest.mark.parametrize("most", [1, 3, 100])
def test_processes_share_the_rate_by_the_database(shares: list[UsedShares], most: int) -> None:
    now = [1200.0]
    rate = parse(f"{most}/minute")
    first, second = (Leases(one, lambda: now[0]) for one in shares)
    for moment in (1200.0, 1260.0):
        now[0] = moment
        granted = [one.used_up(rate, "a") is None for _ in range(most) for one in (first, second)]
        # What one process took and did not use is not lost for it, but for the other.
        assert granted.count(True) == most
        assert [one.used_up(rate, "a") for one in (first, second)] == [moment + 60, moment + 60]
        assert first.used_up(rate, "b") is None


class Counted:
    """Counts how often it is asked; ``away`` it gives no answer."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    def take(self, name: str, ends: float, number: int, most: int) -> int:
        assert (name, ends > 0, number <= most) == (CLIENT.issuer, True, True)
        self.asked += 1
        if self.away:
            raise StoreAway("count calls: away")
        return number if self.asked * number <= most else 0


def test_few_calls_ask_for_the_common_share_and_none_once_it_is_spent() -> None:
    shares = Counted()
    leases = Leases(shares, lambda: 1.0)
    rate = parse("200/minute")
    assert [leases.used_up(rate, CLIENT.issuer) for _ in range(200)] == [None] * 200
    assert shares.asked == 20
    assert [leases.used_up(rate, CLIENT.issuer) for _ in range(5)] == [60.0] * 5
    assert shares.asked == 21


def test_each_process_counts_for_itself_while_the_database_is_away() -> None:
    shares = Counted()
    shares.away = True
    quotas = Quotas(None, shares, StoreError)
    limited = replace(CLIENT, rate=parse("2/day"))
    for _ in range(2):
        with quotas.admitted(limited, ""):
            pass
    with pytest.raises(Throttled), quotas.admitted(limited, ""):
        pass
    assert shares.asked == 3
