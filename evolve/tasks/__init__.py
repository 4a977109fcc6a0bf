"""What is optimised: the data, the metric, and the trusted arithmetic that scores a variant's answers.

``Task`` and ``Query`` are for tasks of one's own (see ``own``); docs/tasks.md shows how to write one.
"""

from evolve.tasks.own import Query, Task

__all__ = ["Query", "Task"]
