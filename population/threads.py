"""Keeps numpy to one thread; to be imported before numpy is."""

import os

# Its threads cost more than they bring on matrices as small as ours, and slots want the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
