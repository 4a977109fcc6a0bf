"""Doing what a person orders of a running search: each order, and what it changes, is one append."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from evolve.breeding import Breeder
from evolve.budget import Limits, set_of
from evolve.docket import Docket
from evolve.folding import Folding
from evolve.orders import ORDERED, Kind, Order
from evolve.post import DIRECTIONS, PROGRAM, Post
from evolve.race import SEED, Race
from evolve.room import Room
from evolve.shelf import Shelf
from evolve.wishes import Next, Wish
from population.genome import digest
from population.store import Population

STARTED = "started"
"""Kind of the event that a session begins with."""


class Obeying:
    """Takes up the orders of one run.

    Args:
        population: open for writing.
        breeder: knows the steering, and lets variants be parents.
        race: knows who may be champion.
        folding: records events, and what the race decides.
        docket: takes wishes.
        shelf: holds the ideas of variants.
        room: waits while the disk is full.
        limits: the budgets, changed in place.
    """

    def __init__(
        self,
        population: Population,
        breeder: Breeder,
        race: Race,
        folding: Folding,
        docket: Docket,
        shelf: Shelf,
        room: Room,
        limits: Limits,
    ) -> None:
        self._population = population
        self._breeder = breeder
        self._race = race
        self._folding = folding
        self._docket = docket
        self._shelf = shelf
        self._room = room
        self._limits = limits
        self._begun = False

    async def take_up(
        self, post: Post, durable: Callable[[], Awaitable[None]], heard: Callable[[Order], None]
    ) -> None:
        """Take up what has come; at first not what was meant for an earlier session.

        Args:
            post: where it comes.
            durable: has what was recorded on the disk; an order is removed only then.
            heard: is told of each order that was taken up.
        """
        changed = post.directions()
        if changed is not None and changed.digest != self._population.meta("program", digest("")):
            self._breeder.steering.program = changed.text
            self._population.stage(meta={"program": changed.digest})
            text = f"{PROGRAM} was changed by {changed.by}"
            self._folding.event(DIRECTIONS, text, {"by": changed.by, "text": changed.text})
        sent = post.orders()
        known = {event.data.get("id") for event in self._population.events_of(ORDERED)} if sent else set()
        for path, order in sent:
            late = not (order.kind.lasts or self._begun) and order.at < self._beginning()
            if order.id not in known and not late and await self._obey(order):
                heard(order)
            await durable()
            post.done(path)
        self._begun = True

    def _beginning(self) -> float:
        """Return when this session began."""
        return max((event.at for event in self._population.events_of(STARTED)), default=math.inf)

    async def _obey(self, order: Order) -> bool:
        """Do what is ordered; say whether it could be done."""
        data = {name: value for name, value in asdict(order).items() if value and name != "source"}
        if order.variant and order.variant not in self._population.variants:
            self._folding.event(ORDERED, f"{order.told()}: there is no such variant", data)
            return False
        if order.kind is Kind.BAN and order.variant == SEED:
            self._folding.event(ORDERED, f"{order.told()}: the seed cannot be banned", data)
            return False
        kept = ""
        if order.kind is Kind.INJECT:  # before anything is on record, which others may write meanwhile
            kept = await self._room.aside(lambda: self._population.keep_source(order.source))
        self._folding.event(ORDERED, order.told(), data)
        self._breeder.steering.obey(order)
        match order.kind:
            case Kind.INJECT:
                self._breeder.steering.injected[kept] = order.text
                self._docket.wish(Next(Wish.INJECT, order.variant, digest=kept))
            case Kind.BAN:
                self._ban(order.variant)
            case Kind.APPROVE:
                won = self._race.approve(order.variant)
                self._wish(self._folding.tell([] if won is None else [won]))
            case Kind.RAISE:
                self._limits.change(order.budgets)
                self._population.stage(meta={"budgets": set_of(self._limits)})
        return True

    def _ban(self, variant: str) -> None:
        """Let a variant have no children and no title any more."""
        news = self._race.ban(variant)
        self._breeder.ban(variant)
        for ticket in self._shelf.ban(variant, self._ideas_of(variant)):
            self._docket.unshelve(ticket)
        if self._race.champion == variant:
            self._folding.dethrone(variant)
        self._wish(self._folding.tell(news))

    def _ideas_of(self, variant: str) -> set[int]:
        """Return the jobs that proposed the ideas of a banned variant, if nobody else has them."""
        own: set[int] = set()
        others: set[int] = set()
        for event in self._population.events_of("admitted"):
            name, ideas = event.data["variant"], event.data.get("ideas", ())
            if name == variant:
                own.update(ideas)
            elif name not in self._breeder.steering.banned:
                others.update(ideas)
        return own - others

    def _wish(self, wanted: list[Next]) -> None:
        for one in wanted:
            self._docket.wish(one)
