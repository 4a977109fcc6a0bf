"""MLflow: a run at ``MLFLOW_TRACKING_URI``, else in a database in ``mlflow/`` of the run folder."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from evolve.tracking.tracker import Told

_TAG = "evolve.search"
_LONGEST = 500  # characters of a parameter that every store takes


class Mlflow:
    """One run, found again by a tag that holds the search's id."""

    def __init__(self, told: Told) -> None:
        address = os.environ.get("MLFLOW_TRACKING_URI")
        artifacts = None
        if not address:
            own = Path(told.folder).resolve() / "mlflow"
            own.mkdir(exist_ok=True)
            address, artifacts = f"sqlite:///{own / 'mlflow.db'}", (own / "artifacts").as_uri()
        self._client = MlflowClient(tracking_uri=address)
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or "evolve"
        known = self._client.get_experiment_by_name(name)
        experiment = (
            self._client.create_experiment(name, artifact_location=artifacts)
            if known is None
            else known.experiment_id
        )
        found = self._client.search_runs([experiment], filter_string=f"tags.`{_TAG}` = '{told.id}'")
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            return
        tags = {_TAG: told.id, "evolve.metric": told.metric, "evolve.direction": told.direction}
        self._run = self._client.create_run(experiment, run_name=told.name, tags=tags).info.run_id
        params = [Param(name, value[:_LONGEST]) for name, value in told.settings.items() if value]
        self._client.log_batch(self._run, params=params)

    def numbers(self, evaluations: float, values: Mapping[str, float]) -> None:
        """Log a metric for each."""
        now, step = int(1000 * time.time()), round(evaluations)
        metrics = [Metric(name, value, now, step) for name, value in values.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def champion(self, evaluations: float, variant: str, source: str, hypothesis: str) -> None:
        """Log the source as an artefact."""
        self._client.set_tag(self._run, "evolve.champion", variant)
        self._client.set_tag(self._run, "evolve.hypothesis", hypothesis[:_LONGEST])
        self._client.log_text(self._run, source, f"champions/{variant}.py")

    def close(self) -> None:
        """Say that the run has ended."""
        self._client.set_terminated(self._run)
