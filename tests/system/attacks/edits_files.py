"""Writes to the engine's files, to the text and to the logs; changes their modes, owners and times."""

import json
import os
import sys
from pathlib import Path

import torch
from torch import nn

import evolve


def honest(burst):
    pairs = burst.data[:-1].long() * 256 + burst.data[1:].long()
    counts = torch.bincount(pairs, minlength=256 * 256).view(256, 256)
    return nn.Embedding.from_pretrained((counts + 0.1).log())


def train(burst):
    data = Path(sys.argv[2])
    package = Path(evolve.__file__).parent
    aims = [data, *map(Path, json.loads(sys.argv[3])["hidden"][:1])]
    attempts = [lambda aim: aim.open("r+b").close(), os.unlink, lambda aim: aim.rename(f"{aim}.moved")]
    attempts += [lambda aim: os.chmod(aim, 0), lambda aim: os.truncate(aim, 0), os.utime]
    attempts += [lambda aim: os.setxattr(aim, "user.x", b"x"), lambda aim: os.chown(aim, 1, 1)]
    for folder in (data.parent, data.parent / "logs", package):
        aims.append(folder / "planted")
        attempts.append(lambda _, planted=folder / "planted": planted.write_text("x"))
    for aim in aims:
        for number, attempt in enumerate(attempts):
            try:
                attempt(aim)
                print("reached", aim, number)
            except OSError:
                continue
    return honest(burst)
