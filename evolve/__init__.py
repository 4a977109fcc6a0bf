"""The engine: loop, bursts, tuning, tasks, reports, command line."""

import os

# Before numpy is loaded: its threads cost more than they bring on matrices as small as ours.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
