"""Slow callers: who counts as one, and that only their connections are ended."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from cds_service.cli.receiving import (
    Connection,
    Receivers,
    Silent,
    Span,
    Traffic,
    Unanswered,
    connections_at,
    shut_down,
)

SLOW, QUICK, IDLE = ((number, "127.0.0.1", 5000 + number) for number in range(3))


def test_only_what_was_sent_and_not_answered_counts() -> None:
    known = Unanswered()
    first = known.look({SLOW: Traffic(0, 10), QUICK: Traffic(0, 90), IDLE: Traffic(0, 0)}, 0.0)
    assert first == {SLOW: Span(0, 0), QUICK: Span(0, 0)}
    assert known.look({SLOW: Traffic(0, 11), QUICK: Traffic(7, 90), IDLE: Traffic(0, 0)}, 5.0) == {SLOW: Span(0, 5)}
    # The next call on a connection begins anew, and an old descriptor may lead to somebody else.
    other = (SLOW[0], SLOW[1], 6000)
    assert known.look({other: Traffic(0, 12), QUICK: Traffic(7, 95)}, 9.0) == {other: Span(9, 9), QUICK: Span(9, 9)}
    later = known.look({other: Traffic(0, 12), QUICK: Traffic(7, 180)}, 10.0)
    assert later == {other: Span(9, 9), QUICK: Span(9, 10)}


def test_whole_calls_that_wait_behind_slow_ones_are_left() -> None:
    now = [0.0]
    bytes_of = {SLOW: 10, QUICK: 90}
    ended: list[Connection] = []
    receivers = Receivers(
        1, 4.0, 0, lambda: now[0], lambda: {one: Traffic(0, n) for one, n in bytes_of.items()}, ended.append
    )
    with receivers.receiving():
        for moment in range(1, 10):
            now[0] = float(moment)
            bytes_of[SLOW] += 1
            receivers.end_slow()
            if ended:
                break
    assert ended == [SLOW]


def test_a_connection_between_two_calls_does_not_count() -> None:
    known = Unanswered()
    assert known.look({IDLE: Traffic(40, 90), SLOW: Traffic(0, 5)}, 0.0) == {SLOW: Span(0, 0)}
    assert known.look({IDLE: Traffic(40, 90), SLOW: Traffic(0, 5)}, 40.0) == {SLOW: Span(0, 0)}
    assert known.look({IDLE: Traffic(40, 95), SLOW: Traffic(0, 5)}, 41.0)[IDLE] == Span(41, 41)


def test_looking_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    class EnoughError(BaseException):
        """Ends the loop of the test."""

    looks = iter([OSError(24, "too many open files"), EnoughError()])

    def fail() -> int:
        raise next(looks)

    receivers = Receivers(1, 4.0, 0)
    monkeypatch.setattr(receivers, "end_slow", fail)
    monkeypatch.setattr("cds_service.cli.receiving.time.sleep", lambda _seconds: None)
    with pytest.raises(EnoughError):
        receivers._look_again_and_again()
    assert "could not be looked at" in caplog.text


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Connection]]:
    """A caller, and how its connection is known on our side."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as caller,
    ):
        ours, (host, port) = listening.accept()
        with ours:
            yield caller, (ours.fileno(), host, port)


def test_kernel_tells_what_went_over_a_connection(pair: tuple[socket.socket, Connection]) -> None:
    caller, connection = pair
    caller.sendall(b"abc")
    with socket.socket(fileno=connection[0]) as ours:
        assert ours.recv(3) == b"abc"
        ours.sendall(b"answer")
        assert caller.recv(6) == b"answer"
        # The caller's end is in this process as well, like a connection to a database: it came in nowhere.
        assert connections_at(ours.getsockname()[1]) == {connection: Traffic(6, 3)}
        ours.detach()


def test_all_connections_of_callers_are_found() -> None:
    with ExitStack() as opened:
        listening = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        for _ in range(3):
            opened.enter_context(socket.create_connection(listening.getsockname()))
        ours = [opened.enter_context(listening.accept()[0]) for _ in range(3)]
        found = connections_at(listening.getsockname()[1])
        assert {descriptor for descriptor, _, _ in found} == {one.fileno() for one in ours}


def test_connection_is_ended_unless_its_descriptor_leads_elsewhere(pair: tuple[socket.socket, Connection]) -> None:
    caller, (descriptor, host, port) = pair
    shut_down((descriptor, host, port + 1))
    caller.settimeout(0)
    with pytest.raises(BlockingIOError):
        caller.recv(1)
    caller.settimeout(None)
    shut_down((descriptor, host, port))
    assert caller.recv(1) == b""


@pytest.mark.parametrize(("receiving", "seconds", "ended"), [(0, 99, 0), (1, 29, 0), (1, 31, 1), (3, 6, 0), (3, 7, 1)])
def test_slow_ones_are_ended_sooner_when_places_are_short(
    pair: tuple[socket.socket, Connection],
    caplog: pytest.LogCaptureFixture,
    receiving: int,
    seconds: float,
    ended: int,
) -> None:
    caller, connection = pair
    now = [0.0]
    receivers = Receivers(4, 4.0, 0, lambda: now[0], lambda: {connection: Traffic(0, 5)})
    with ExitStack() as running:
        for _ in range(receiving):
            running.enter_context(receivers.receiving())
        for moment in (1.0, 1.0 + seconds):
            now[0] = moment
            found = receivers.end_slow()
    assert found == ended
    assert ("cut off" in caplog.text) == bool(ended)
    if ended:
        assert caller.recv(1) == b""
    assert receivers.end_slow() == 0


def test_silent_connections_are_those_over_which_nothing_goes_for_long() -> None:
    known = Silent()
    assert known.look({IDLE: Traffic(0, 0), QUICK: Traffic(9, 90), SLOW: Traffic(9, 10)}, 0.0) == []
    assert known.look({IDLE: Traffic(0, 0), QUICK: Traffic(9, 90), SLOW: Traffic(9, 11)}, 59.0) == []
    # Who called before may call again; who never did is nobody's caller.
    assert known.look({IDLE: Traffic(0, 0), QUICK: Traffic(9, 90), SLOW: Traffic(9, 12)}, 61.0) == [IDLE]
    assert known.look({QUICK: Traffic(9, 90), SLOW: Traffic(9, 13)}, 899.0) == []
    assert known.look({QUICK: Traffic(9, 90), SLOW: Traffic(9, 13)}, 901.0) == [QUICK]
    # The descriptor leads to somebody else by now.
    assert known.look({(QUICK[0], QUICK[1], 6000): Traffic(0, 0)}, 902.0) == []


def test_a_caller_that_never_speaks_is_sent_away(pair: tuple[socket.socket, Connection]) -> None:
    caller, connection = pair
    port = caller.getpeername()[1]
    now = [0.0]
    receivers = Receivers(1, 4.0, port, lambda: now[0])
    assert receivers.end_silent() == 0
    now[0] = 61.0
    assert connections_at(port).keys() == {connection}
    assert receivers.end_silent() == 1
    assert caller.recv(1) == b""


def test_a_caller_that_spoke_may_be_silent_longer(pair: tuple[socket.socket, Connection]) -> None:
    caller, _ = pair
    now = [0.0]
    receivers = Receivers(1, 4.0, caller.getpeername()[1], lambda: now[0])
    caller.sendall(b"abc")
    for moment, ended in ((0.0, 0), (61.0, 0), (899.0, 0), (901.0, 1)):
        now[0] = moment
        assert receivers.end_silent() == ended
    assert caller.recv(1) == b""
