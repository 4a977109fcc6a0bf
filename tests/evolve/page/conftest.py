"""The runs that the reports are tested with."""

from tests.evolve.report.conftest import empty, run

__all__ = ["empty", "run"]
