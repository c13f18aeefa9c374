"""Connections that only begin a request are ended; those that sent it whole are left alone."""

from dataclasses import dataclass

from cds_service.cli.listening import Stragglers


@dataclass(eq=False)
class Channel:
    request: object = None
    will_close: bool = False


def test_request_that_does_not_end_closes_its_connection() -> None:
    now = [0.0]
    stragglers = Stragglers(lambda: now[0])
    slow, idle, quick = Channel(request="half"), Channel(), Channel(request="half")
    stragglers.end([slow, idle, quick])
    now[0] = 15.0
    quick.request = None
    stragglers.end([slow, idle, quick])
    assert not any(channel.will_close for channel in (slow, idle, quick))
    quick.request = "the next one"
    now[0] = 21.0
    stragglers.end([slow, idle, quick])
    assert [slow.will_close, idle.will_close, quick.will_close] == [True, False, False]
    now[0] = 50.0
    stragglers.end([idle, quick])
    assert [idle.will_close, quick.will_close] == [False, True]
