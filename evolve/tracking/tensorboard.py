"""TensorBoard: event files in ``tensorboard/`` of the run folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from evolve.report.escaping import escaped, fenced
from evolve.tracking.tracker import Told

_TEXT = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))


class TensorBoard:
    """One run: all files of one folder, so that a resumed search goes on in it."""

    def __init__(self, told: Told) -> None:
        self._writer = EventFileWriter(str(Path(told.folder) / "tensorboard"))
        rows = [f"{name}: {escaped(value)}" for name, value in told.settings.items()]
        self._text("settings", 0, "\n\n".join([f"{escaped(told.metric)}: {told.direction}", *rows]))

    def numbers(self, evaluations: float, values: Mapping[str, float]) -> None:
        """Write a scalar for each."""
        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(evaluations, Summary(value=scalars))
        self._writer.flush()

    def champion(self, evaluations: float, variant: str, source: str, hypothesis: str) -> None:
        """Write the source as text."""
        said = f"{variant}: {escaped(hypothesis)}\n\n{fenced(source, 'python')}"
        self._text("champion", evaluations, said)

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _text(self, tag: str, evaluations: float, text: str) -> None:
        """Write a text, which TensorBoard shows as Markdown."""
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
        tensor = TensorProto(
            dtype=DT_STRING, string_val=[text.encode("utf-8", "replace")], tensor_shape=shape
        )
        value = Summary.Value(tag=f"{tag}/text_summary", metadata=_TEXT, tensor=tensor)
        self._write(evaluations, Summary(value=[value]))
        self._writer.flush()

    def _write(self, evaluations: float, summary: Summary) -> None:
        self._writer.add_event(Event(wall_time=time.time(), step=round(evaluations), summary=summary))
