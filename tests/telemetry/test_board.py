"""Numbers of several processes stand on one board, outlive their processes, and never fall."""

import os
import time
from collections.abc import Callable

import pytest

from cds_service.telemetry import board as module
from cds_service.telemetry.board import Board, Lane


def in_child(work: Callable[[], object]) -> int:
    """Run ``work`` in a forked process that ends without any clean-up, as a killed one does."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0
    return child


def numbers(board: Board) -> dict[bytes, float]:
    found: dict[bytes, float] = {}
    for entry in board.entries():
        found[entry.key] = found.get(entry.key, 0.0) + entry.values[0]
    return found


def put(board: Board, key: bytes, amount: float) -> Lane:
    lane = board.claim()
    known = {name: index for name, index, _ in lane.entries()}
    index = known.get(key)
    if index is None:
        index = lane.place(key, 1)
    assert index is not None
    lane.values[index] += amount
    return lane


def test_one_process_sees_what_another_counted() -> None:
    board = Board(lanes=2)
    put(board, b"calls", 3)
    in_child(lambda: put(board, b"calls", 4))
    assert numbers(board) == {b"calls": 7}
    assert board.running == 1


def test_lane_of_an_ended_process_is_taken_over_with_its_numbers() -> None:
    board = Board(lanes=2)
    put(board, b"calls", 1)
    for _ in range(5):
        in_child(lambda: put(board, b"calls", 10))
    assert numbers(board) == {b"calls": 51}


def test_process_without_a_free_lane_counts_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    board = Board(lanes=1)
    put(board, b"calls", 1)
    apart = put(board, b"calls", 5)
    assert apart.values[next(index for _, index, _ in apart.entries())] == 5
    assert numbers(board) == {b"calls": 1}
    assert "no lane" in caplog.text


def test_process_that_does_not_say_that_it_lives_counts_as_gone() -> None:
    now = [1000.0]
    lane = Lane(memoryview(bytearray(4096)), clock=lambda: now[0])
    lane.take()
    found = [lane.running]
    now[0] += module._GONE_SECONDS + 1
    found.append(lane.running)
    lane.beat()
    found.append(lane.running)
    assert found == [True, False, True]


def test_full_lane_takes_no_more_and_keeps_what_it_has() -> None:
    board = Board(lanes=1, lane_bytes=4096)
    lane = board.claim()
    placed = [lane.place(f"series {number:04}".encode(), 1) for number in range(400)]
    fitting = [index for index in placed if index is not None]
    assert 50 < len(fitting) < 400
    assert len(list(lane.entries())) == len(fitting)
    assert lane.place(b"one more", 1) is None


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 63])
def test_keys_of_any_length_come_back(length: int) -> None:
    board = Board()
    lane = board.claim()
    lane.place(b"x" * length, 3)
    lane.place(b"after", 1)
    assert [(key, count) for key, _, count in lane.entries()] == [(b"x" * length, 3), (b"after", 1)]


def test_a_board_that_is_sent_to_a_process_is_one_of_its_own() -> None:
    make, arguments = Board().__reduce__()
    assert list(make(*arguments).entries()) == []


def test_clock_of_heartbeats_is_the_one_that_processes_share() -> None:
    board = Board(lanes=1)
    before = time.monotonic()
    lane = board.claim()
    assert before <= lane.values[module._HEARTBEAT] <= time.monotonic()
