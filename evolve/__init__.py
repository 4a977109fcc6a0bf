"""The engine: the loop, bursts, tuning, tasks, reports, command line."""
