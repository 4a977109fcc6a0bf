"""Spends its budget before it defines anything."""

import time

time.sleep(60)


def train(burst):
    return burst
