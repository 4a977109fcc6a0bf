"""Never looks at its progress, nor listens to signals."""

import signal


def train(burst):
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        pass
