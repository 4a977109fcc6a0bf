"""Image classification: which digit, or which piece of clothing, is on a small grey picture?

By default the 1,797 pictures of 8 x 8 that come with scikit-learn. Where a folder ``fashion`` lies beside
this file, the ``idx`` files of Fashion-MNIST's train part (packed or not, as torchvision or Debian's
``dataset-fashion-mnist`` lay them down) are taken instead.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sklearn.datasets
from numpy.typing import NDArray

from evolve.tasks import Query, Task

HERE = Path(__file__).parent
FASHION = HERE / "fashion"
BATCH = 256


def idx(folder: Path, name: str) -> NDArray[np.uint8]:
    """Read a file in the idx format, packed or not."""
    path = next((path for path in sorted(folder.rglob(f"{name}*")) if path.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"there is no file {name}* in {folder}")
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    (kind,) = struct.unpack_from(">I", data)
    shape = struct.unpack_from(f">{kind & 0xFF}I", data, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def pictures() -> tuple[NDArray[np.float32], NDArray[np.int64], str]:
    """Return pictures (N, H, W) of 0 to 1, their classes (N,), and what they are."""
    if FASHION.is_dir():
        images = idx(FASHION, "train-images").astype(np.float32) / 255.0
        return images, idx(FASHION, "train-labels").astype(np.int64), "clothes (Fashion-MNIST)"
    found = sklearn.datasets.load_digits()
    return (found.images / 16.0).astype(np.float32), found.target.astype(np.int64), "handwritten digits"


class Pictures(Task):
    """Trains on three quarters of the pictures; the others are asked about, and their classes kept here."""

    metric, direction, entry = "accuracy", "maximize", "train"

    def __init__(self) -> None:
        images, classes, self.what = pictures()
        order = np.random.default_rng(0).permutation(len(images))
        images, classes = images[order], classes[order]
        cut = len(images) * 3 // 4
        self.train = (images[:cut], classes[:cut])
        self.asked, self.kept = images[cut:], classes[cut:]

    def describe(self) -> str:
        """Say what the pictures are and what is to be returned."""
        height, width = self.asked.shape[1:]
        return (
            f"Classify grey pictures of {height} x {width} points, of {self.what}, into 10 classes.\n"
            "burst.data has `images`, float32 (N, H, W) of 0 to 1, and `classes`, int64 (N,). train(burst) "
            "returns a torch.nn.Module that is called with images=(B, H, W) and returns logits (B, 10)."
        )

    def shown(self) -> dict[str, NDArray]:
        """Return the pictures to train on, with their classes."""
        return {"images": self.train[0], "classes": self.train[1]}

    def hidden(self) -> Sequence[Path]:
        """Return where the classes could be looked up."""
        return (Path(sklearn.datasets.__file__).parent / "data", FASHION)

    def queries(self) -> Sequence[Query]:
        """Ask for the logits of the other pictures, a batch at a time."""
        return [
            Query((len(batch), 10), "float32", {"images": batch})
            for start in range(0, len(self.asked), BATCH)
            for batch in (self.asked[start : start + BATCH],)
        ]

    def score(self, answers: Sequence[NDArray]) -> float:
        """Return the share that is classified right."""
        return float(np.mean(np.concatenate(answers).argmax(axis=1) == self.kept))

    def smaller(self) -> Task:
        """Return the same with a few pictures to be asked about."""
        small = Pictures()
        small.asked, small.kept = self.asked[:8], self.kept[:8]
        return small
