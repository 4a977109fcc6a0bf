"""Leaves by the usual door."""

import sys


def train(burst):
    sys.exit(3)  # here
