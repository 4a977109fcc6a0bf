"""Defines another function than the one asked for."""


def fit(burst):
    return burst
