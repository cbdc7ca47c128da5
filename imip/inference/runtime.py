"""A compiled graph, LiteRT run by XNNPACK on one thread: one pass answers probabilities, embedding and heatmaps."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from imip.errors import ArtifactError
from imip.inference.output import Output

GRAPH = "model.tflite"  # its file in an artifact
TAKEN, GIVEN = {"pixels"}, {"probabilities", "embedding", "heatmaps"}


class Graph:
    """One compiled graph, ready to run. Not thread-safe: one instance a thread.

    Raises ArtifactError if the bytes are none, or one that takes or answers something else.
    """

    def __init__(self, compiled: bytes) -> None:
        try:
            interpreter = Interpreter(model_content=compiled, num_threads=1)
            self._run = interpreter.get_signature_runner()
        except ValueError as fault:
            raise ArtifactError(f"{GRAPH} is no graph that can be run") from fault
        takes, gives = set(self._run.get_input_details()), set(self._run.get_output_details())
        if takes != TAKEN or not GIVEN <= gives <= GIVEN | {"measures"}:
            raise ArtifactError(f"{GRAPH} takes {sorted(takes)} and answers {sorted(gives)}, which is no module's")

    def run(self, pixels: NDArray[np.uint8]) -> Output:
        """Run the graph on one cropped slice, (side, side) uint8."""
        answer = self._run(pixels=pixels[None, :, :, None].astype(np.float32))
        return Output(**{name: values[0] for name, values in answer.items()})
