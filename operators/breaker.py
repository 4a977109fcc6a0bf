"""When to leave a failing endpoint alone, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

LIMIT = 5  # failed requests in a row until the endpoint rests
FIRST_REST = 5.0  # seconds; doubled with each failure after that
LONGEST_REST = 60.0
LONGEST_WISH = 900.0  # a server may ask for more than our longest rest, but not for a day


@dataclass(slots=True)
class Breaker:
    """Circuit breaker of one endpoint: shut while it answers, open for a growing time when it does not.

    After a rest one request is let through; it shuts the breaker or begins a longer rest (Nygard,
    Release It!, 2nd edition, section 5.2). All times are seconds of one monotonic clock.
    """

    failures: int = 0
    until: float = 0.0
    reason: str = ""
    probing: bool = False

    def rest(self, now: float) -> float | None:
        """Return for how many seconds more nothing may be asked, None when a request may go."""
        if self.failures < LIMIT:
            return None
        if now >= self.until and not self.probing:
            return None
        return max(self.until - now, 0.0)

    def begin(self) -> None:
        """Note that a request goes out; after a rest it is the only one until it ends."""
        self.probing = self.failures >= LIMIT

    def release(self) -> None:
        """Note that a request ended with no verdict."""
        self.probing = False

    def succeed(self) -> None:
        """Note an answer: the endpoint is well."""
        self.failures, self.until, self.reason, self.probing = 0, 0.0, "", False

    def fail(self, now: float, reason: str, at_least: float = 0.0) -> None:
        """Note a failure; ``at_least`` seconds of rest were asked for by the server itself.

        Failures of requests that were already under way when the rest began do not make it longer.
        """
        self.probing = False
        self.reason = reason
        if at_least > LONGEST_REST:
            self.failures = max(self.failures, LIMIT)
            self.until = max(self.until, now + min(at_least, LONGEST_WISH))
        elif now >= self.until:
            self.failures += 1
            if self.failures >= LIMIT:
                growing = FIRST_REST * 2.0 ** min(self.failures - LIMIT, 10)
                self.until = now + max(min(growing, LONGEST_REST), at_least)
