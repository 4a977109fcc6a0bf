from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evolve.bursts.executor import Job, Result, Watch
from evolve.measuring import Brake, Halted, Meter, Turnstile
from evolve.room import Room
from population.genome import digest
from population.variant import Failure, FailureKind, Measurement, Purpose, State, Variant

SOURCE = "LR = 0.1  # tune: 0..1\n\n\ndef train(burst):\n    pass\n"
KILLED = Failure(FailureKind.KILLED, "killed by signal 9")
BROKEN = Failure(FailureKind.EXCEPTION, "ValueError: no")
Variants = Callable[..., Variant]


def result(score: float | None = None, failure: Failure | None = None) -> Result:
    return Result(score, failure, 2.34567, 1.23456, 99, ((0.5, 3.0),), "cpu", 1 << 20)


@dataclass
class Scripted:
    """An executor that gives results from a list; bursts wait while ``closed``."""

    results: list[Result]
    slots: int = 2
    closed: bool = False
    jobs: list[Job] = field(default_factory=list)
    most: int = 0
    _running: int = 0

    async def run(self, job: Job, watch: Watch) -> Result:
        self.jobs.append(job)
        self._running += 1
        self.most = max(self.most, self._running)
        try:
            await asyncio.sleep(0)
            while self.closed:
                await asyncio.sleep(0)
            pruned = watch(0, 0.5, 3.0)
            return result() if pruned else self.results.pop(0)
        finally:
            self._running -= 1

    async def close(self) -> None:
        pass


def meter(executor: Scripted, brake: Brake | None = None) -> Meter:
    return Meter(executor, brake or Brake(), lambda number: 100 + number, room())


def room() -> Room:
    return Room(Path(), lambda: False, lambda _: None)


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


# the brake


def test_the_first_reason_to_stop_stands() -> None:
    brake = Brake()
    assert not brake.on
    brake.pull("the budget is used")
    brake.pull("interrupted")
    assert brake.on
    assert brake.reason == "the budget is used"


def test_work_that_ends_before_the_brake_is_pulled_gives_its_result() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert asyncio.run(Brake().unless_on(work())) == 7


def test_work_that_fails_fails_with_its_own_error() -> None:
    async def work() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        asyncio.run(Brake().unless_on(work()))


def test_work_is_cancelled_and_has_ended_when_the_brake_is_pulled() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    async def scene() -> None:
        brake = Brake()
        waiting = asyncio.ensure_future(brake.unless_on(work()))
        await settled()
        brake.pull("interrupted")
        with pytest.raises(Halted):
            await waiting
        assert ended == [True]

    asyncio.run(scene())


def test_no_work_begins_once_the_brake_is_pulled() -> None:
    begun = []

    async def work() -> None:
        begun.append(True)

    brake = Brake()
    brake.pull("interrupted")
    with pytest.raises(Halted):
        asyncio.run(brake.unless_on(work()))
    assert begun == []


# the turnstile


async def passed(ordered: bool, arriving: list[int]) -> list[int]:
    """Queue tickets 0, 1, 2 and let them arrive at the turnstile in another order."""
    gate, through = Turnstile(ordered), []

    async def pass_through(ticket: int) -> None:
        async with gate.turn(ticket):
            through.append(ticket)
        await gate.leave(ticket)

    for ticket in sorted(arriving):
        gate.enter(ticket)
    tasks = []
    for ticket in arriving:
        tasks.append(asyncio.ensure_future(pass_through(ticket)))
        await settled()
    await asyncio.wait_for(asyncio.gather(*tasks), 10)
    return through


@pytest.mark.parametrize("arriving", [[2, 1, 0], [1, 2, 0], [0, 2, 1]])
def test_births_pass_in_the_order_of_their_tickets_when_that_is_asked_for(arriving: list[int]) -> None:
    assert asyncio.run(passed(True, arriving)) == [0, 1, 2]


def test_births_pass_as_they_come_otherwise() -> None:
    assert asyncio.run(passed(False, [2, 0, 1])) == [2, 0, 1]


def test_a_birth_that_leaves_without_its_turn_does_not_block_the_others() -> None:
    async def scene() -> None:
        gate = Turnstile(ordered=True)
        gate.enter(0)
        gate.enter(1)
        await gate.leave(0)
        async with asyncio.timeout(10), gate.turn(1):
            pass

    asyncio.run(scene())


# the meter


def measured(executor: Scripted, variant: Variant, **fields: object) -> Measurement:
    work = meter(executor).measure(variant, digest(SOURCE), SOURCE, Purpose.FIRST, **fields)  # type: ignore[arg-type]
    return asyncio.run(work)


def test_a_burst_becomes_a_measurement_of_exactly_the_source_that_ran(a_variant: Variants) -> None:
    executor = Scripted([result(2.5)])
    assert measured(executor, a_variant("v1", "v0")) == Measurement(
        variant="v1",
        digest=digest(SOURCE),
        seed=100,
        purpose=Purpose.FIRST,
        score=2.5,
        failure=None,
        seconds=2.346,
        train_seconds=1.235,
        tokens=99,
        curve=((0.5, 3.0),),
        values={"LR": 0.1},
    )
    assert executor.jobs == [Job("v1-first-0", SOURCE, 100)]


def test_the_nth_measurement_has_the_nth_seed(a_variant: Variants) -> None:
    executor = Scripted([result(2.5)])
    assert measured(executor, a_variant("v1", "v0"), number=3).seed == 103
    assert executor.jobs[0].seed == 103


def test_a_trial_is_named_after_its_number_and_has_the_first_seed(a_variant: Variants) -> None:
    executor = Scripted([result(2.5)])
    told = measured(executor, a_variant("v1", "v0"), trial=4)
    assert (told.trial, told.seed) == (4, 100)
    assert executor.jobs[0].name == "v1-first-4"


def test_a_burst_that_its_watch_ends_is_pruned(a_variant: Variants) -> None:
    told = measured(Scripted([]), a_variant("v1", "v0"), watch=lambda *_: True)
    assert told.state is State.PRUNED
    assert told.share == 0.5  # so far its curve came


def test_a_short_burst_counts_its_share_whether_it_comes_off_or_fails(a_variant: Variants) -> None:
    executor = Scripted([result(2.5), result(failure=BROKEN), result(failure=BROKEN)])
    short = {"purpose": Purpose.RUNG, "fraction": 0.25}
    told = [asyncio.run(meter(executor).measure(a_variant("v1"), "", SOURCE, **short)) for _ in range(2)]
    broken = asyncio.run(meter(executor).smoke(a_variant("v1"), SOURCE, **short))
    assert broken is not None
    assert {(m.purpose, m.share) for m in (*told, broken)} == {(Purpose.RUNG, 0.25)}
    assert [job.fraction for job in executor.jobs] == [0.25, 0.25, 1.0]


def test_a_burst_that_was_killed_is_run_once_more(a_variant: Variants) -> None:
    executor = Scripted([result(failure=KILLED), result(2.5)])
    assert measured(executor, a_variant("v1", "v0")).score == 2.5
    executor = Scripted([result(failure=KILLED), result(failure=KILLED), result(2.5)])
    assert measured(executor, a_variant("v1", "v0")).failure == KILLED
    assert len(executor.jobs) == 2


def test_a_failure_that_would_repeat_itself_is_not_tried_again(a_variant: Variants) -> None:
    executor = Scripted([result(failure=BROKEN), result(2.5)])
    assert measured(executor, a_variant("v1", "v0")).failure == BROKEN


def test_a_smoke_burst_says_nothing_of_what_runs_and_tells_what_does_not(a_variant: Variants) -> None:
    executor = Scripted([result(9.0), result(failure=BROKEN)])
    variant = a_variant("v1", "v0")
    assert asyncio.run(meter(executor).smoke(variant, SOURCE)) is None
    told = asyncio.run(meter(executor).smoke(variant, SOURCE))
    assert told is not None
    assert (told.failure, told.purpose, told.digest) == (BROKEN, Purpose.FIRST, variant.digest)
    assert all(job.smoke for job in executor.jobs)


def test_a_smoke_burst_that_was_killed_is_run_once_more(a_variant: Variants) -> None:
    executor = Scripted([result(failure=KILLED), result(9.0)])
    assert asyncio.run(meter(executor).smoke(a_variant("v1", "v0"), SOURCE)) is None


def test_a_burst_that_runs_alone_waits_for_all_slots_and_keeps_them(a_variant: Variants) -> None:
    async def run() -> list[str]:
        executor = Scripted([result(float(n)) for n in range(4)], slots=2, closed=True)
        metering = meter(executor)
        variant = a_variant("v1", "v0")

        def burst(number: int, alone: bool) -> asyncio.Task[Measurement]:
            work = metering.measure(variant, digest(SOURCE), SOURCE, Purpose.REPLICATE, number, alone=alone)
            return asyncio.create_task(work)

        tasks = [burst(0, False), burst(1, True), burst(2, False), burst(3, False)]
        await settled()
        seen = [",".join(job.name[-1] for job in executor.jobs)]
        executor.closed = False
        await tasks[1]
        seen.append(",".join(job.name[-1] for job in executor.jobs))
        await asyncio.gather(*tasks)
        return [*seen, ",".join(job.name[-1] for job in executor.jobs)]

    assert asyncio.run(run()) == ["0", "0,1", "0,1,2,3"]


def test_a_burst_that_waits_has_the_free_slot_before_the_floor_is_anybody_elses(a_variant: Variants) -> None:
    executor = Scripted([result(float(n)) for n in range(3)], slots=1)
    metering = meter(executor)

    async def begun() -> None:
        for _ in range(10):  # it takes longer than the end of the one before
            await asyncio.sleep(0)

    async def scene() -> list[int]:
        variant, seen = a_variant("v1", "v0"), []
        tasks = {
            asyncio.ensure_future(metering.measure(variant, "d", SOURCE, Purpose.FIRST, n, begun))
            for n in range(3)
        }
        while tasks:
            _, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await metering.hand_over()
            seen.append(len(executor.jobs))
        return seen

    assert asyncio.run(asyncio.wait_for(scene(), 10)) == [2, 3, 3]


def test_a_burst_that_cannot_begin_holds_nobody_up(a_variant: Variants) -> None:
    async def scene() -> None:
        metering = meter(Scripted([result(1.0), result(2.0)], slots=2, closed=True))
        bursts = [
            asyncio.ensure_future(
                metering.measure(a_variant("v1"), "d", SOURCE, Purpose.FIRST, n, alone=n == 1)
            )
            for n in range(2)
        ]
        await settled()
        await asyncio.wait_for(metering.hand_over(), 10)
        assert metering.running == 1
        for one in bursts:
            one.cancel()
        await asyncio.gather(*bursts, return_exceptions=True)

    asyncio.run(scene())


def test_no_more_bursts_run_at_once_than_there_are_slots(a_variant: Variants) -> None:
    executor = Scripted([result(float(n)) for n in range(7)], slots=3)
    metering = meter(executor)

    async def scene() -> None:
        one = [metering.measure(a_variant("v1", "v0"), "d", SOURCE, Purpose.FIRST, n) for n in range(7)]
        await asyncio.wait_for(asyncio.gather(*one), 10)

    asyncio.run(scene())
    assert executor.most == 3
    assert metering.running == 0


def test_a_burst_that_waits_begins_only_after_a_pause(a_variant: Variants) -> None:
    executor = Scripted([result(2.5), result(2.0)], slots=1, closed=True)
    metering = meter(executor)

    async def scene() -> None:
        runs, waits = (
            asyncio.ensure_future(metering.measure(a_variant("v1", "v0"), "d", SOURCE, Purpose.FIRST, n))
            for n in range(2)
        )
        await settled()
        metering.pause(True)
        executor.closed = False
        assert (await runs).score == 2.5
        await settled()
        assert (metering.running, len(executor.jobs)) == (0, 1)
        metering.pause(False)
        assert (await waits).score == 2.0

    asyncio.run(scene())


def test_a_burst_under_way_counts_when_the_brake_is_pulled_and_one_that_waits_is_given_up(
    a_variant: Variants,
) -> None:
    executor, brake = Scripted([result(2.5)], slots=1, closed=True), Brake()
    metering = meter(executor, brake)

    async def scene() -> None:
        runs, waits = (
            asyncio.ensure_future(metering.measure(a_variant("v1", "v0"), "d", SOURCE, Purpose.FIRST, n))
            for n in range(2)
        )
        await settled()
        assert metering.running == 1
        brake.pull("interrupted")
        with pytest.raises(Halted):
            await waits
        executor.closed = False
        assert (await runs).score == 2.5

    asyncio.run(scene())
    assert len(executor.jobs) == 1


def test_a_slot_is_free_again_after_its_burst_whatever_became_of_it(a_variant: Variants) -> None:
    executor = Scripted([result(2.5)], slots=1, closed=True)
    metering = meter(executor)
    variant = a_variant("v1", "v0")

    async def scene() -> None:
        lost = asyncio.ensure_future(metering.measure(variant, "d", SOURCE, Purpose.FIRST))
        await settled()
        lost.cancel()
        await asyncio.gather(lost, return_exceptions=True)
        assert metering.running == 0
        executor.closed = False
        async with asyncio.timeout(10):
            assert (await metering.measure(variant, "d", SOURCE, Purpose.FIRST)).score == 2.5

    asyncio.run(scene())
