"""The engine: the loop, bursts, tuning, tasks, reports, command line."""

import population.threads  # noqa: F401  before anything here loads numpy
