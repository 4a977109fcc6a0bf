import pytest

from benchmarks.peers.ended import IN_FLIGHT, Ended, Task, agrees, best_by_score, read_ended, read_task, write
from benchmarks.peers.evaluator import Outcome


def log(*scores):
    return [
        Outcome(n, f"digest {n}", 0, score, score, "" if score is not None else "it fails", False, 0.0, 0.0)
        for n, score in enumerate(scores, start=1)
    ]


def test_the_best_is_the_lowest_score_so_far_and_the_first_of_equals():
    assert best_by_score(log(2.0, 3.0, 1.0, 1.0, 0.5)) == (1, 1, 3, 3, 5)


def test_what_failed_is_never_the_best():
    assert best_by_score(log(2.0, None, 1.0, None)) == (1, 1, 3, 3)


def test_an_answer_agrees_when_it_was_the_best_at_the_end_or_just_before_it():
    outcomes = log(5.0, *[4.0] * 30, *[3.0] * (IN_FLIGHT - 1))
    best = best_by_score(outcomes)
    assert agrees(outcomes, best, "digest 32")
    assert agrees(outcomes, best, "digest 2")
    assert not agrees(outcomes, best, "digest 1")
    assert not agrees(outcomes, best, "digest 7")


@pytest.mark.parametrize("changes", [{}, {"database.num_islands": 1}])
def test_tasks_and_ends_are_read_as_written(tmp_path, changes):
    task = Task("here", "x = 1\n", "http://127.0.0.1:1/v1", 200, 7, 2, changes, "here/log.jsonl")
    write(tmp_path / "task.json", task)
    assert read_task(tmp_path / "task.json") == task
    ended = Ended((1, 1, 3), True, 2.5, "0.1")
    write(tmp_path / "ended.json", ended)
    assert read_ended(tmp_path / "ended.json") == ended
