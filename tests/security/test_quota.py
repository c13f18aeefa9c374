"""Shares of the callers: too often and too many at once are told with the time to wait."""

from dataclasses import replace

import pytest
from limits import parse

from cds_service.security.clients import OPEN
from cds_service.security.quota import Quotas, Throttled

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
