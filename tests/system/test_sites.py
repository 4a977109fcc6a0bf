"""Every option and every break of the catalogue, run for a step: what the landscapes say of them is so."""

from __future__ import annotations

import pytest
import torch

from benchmarks.peers.catalogue import EDITS, put
from benchmarks.peers.sites import BROKEN, SEED_SOURCE, Break, by_name
from evolve.bursts.burst import Burst

pytestmark = pytest.mark.system

CONTEXT = 16


def trained(source: str, steps: int) -> torch.Tensor:
    """Train a program for a few steps of four rows; return its logits on one text."""
    torch.manual_seed(0)
    data = torch.randint(256, (4000,), dtype=torch.uint8)
    burst = Burst(
        data,
        vocab_size=256,
        context=CONTEXT,
        device="cpu",
        seed=0,
        seconds=60.0,
        tokens=steps * 4 * CONTEXT,
        smoke=False,
        send=lambda *_: None,
    )
    module: dict[str, object] = {"__name__": "variant"}
    exec(compile(source.replace("BATCH = 8", "BATCH = 4"), "train.py", "exec"), module)
    model = module["train"](burst).eval()  # type: ignore[operator]
    with torch.no_grad():
        return model(data[None, :CONTEXT].long())


@pytest.mark.parametrize("edit", [e for e in EDITS if e.option != e.site.default], ids=lambda edit: edit.name)
def test_every_option_trains(edit) -> None:
    source = edit.apply(SEED_SOURCE)
    assert source is not None
    logits = trained(source, steps=2)
    assert logits.shape == (1, CONTEXT, 256)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.site)
def test_every_break_fails_when_it_is_said_to(broken: Break) -> None:
    source = put(SEED_SOURCE, by_name()[broken.site], broken.code)
    assert source is not None
    if broken.late:
        trained(source, steps=1)
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever Python raises
        trained(source, steps=30)
