"""Weights & Biases: a run of the search's id; ``WANDB_MODE``, ``WANDB_PROJECT`` and the like are heeded."""

from __future__ import annotations

import os
from collections.abc import Mapping

import wandb

from evolve.tracking.tracker import Told


class Wandb:
    """One run; the number of bursts is what its charts are drawn over."""

    def __init__(self, told: Told) -> None:
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "evolve",
            id=told.id,
            resume="allow",
            name=os.environ.get("WANDB_NAME") or told.name,
            dir=told.folder,
            config={"metric": told.metric, "direction": told.direction, **told.settings},
            settings=wandb.Settings(
                silent=True, console="off", disable_git=True, disable_code=True, x_disable_stats=True
            ),
        )
        self._run.define_metric("*", step_metric="evaluations")
        self._name = f"champion-{told.id}"

    def numbers(self, evaluations: float, values: Mapping[str, float]) -> None:
        """Log them all."""
        self._run.log({"evaluations": evaluations, **values})

    def champion(self, evaluations: float, variant: str, source: str, hypothesis: str) -> None:
        """Log the source as an artefact."""
        artifact = wandb.Artifact(
            self._name, type="program", metadata={"variant": variant}, description=hypothesis
        )
        with artifact.new_file(f"{variant}.py", encoding="utf-8") as file:
            file.write(source)
        self._run.log_artifact(artifact, aliases=["champion", variant])

    def close(self) -> None:
        """Hand over what is left."""
        self._run.finish()
