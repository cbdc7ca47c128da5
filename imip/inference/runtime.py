"""Run a compiled graph with LiteRT and XNNPACK on one thread. One pass returns probabilities, embedding, heatmaps."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from imip.errors import ArtifactError
from imip.inference.output import Output

GRAPH = "model.tflite"  # file name in an artifact
INPUTS, OUTPUTS = {"pixels"}, {"probabilities", "embedding", "heatmaps"}


class Graph:
    """One compiled graph. Not thread-safe: use one instance per thread.

    Raises ArtifactError if the bytes are not a graph, or if its inputs or outputs are not as expected.
    """

    def __init__(self, compiled: bytes) -> None:
        try:
            interpreter = Interpreter(model_content=compiled, num_threads=1)
            self._run = interpreter.get_signature_runner()
        except ValueError as error:
            raise ArtifactError(f"{GRAPH} is no graph that can be run") from error
        inputs, outputs = set(self._run.get_input_details()), set(self._run.get_output_details())
        if inputs != INPUTS or not OUTPUTS <= outputs <= OUTPUTS | {"measures"}:
            raise ArtifactError(f"{GRAPH} takes {sorted(inputs)} and answers {sorted(outputs)}, which is no module's")

    def run(self, pixels: NDArray[np.uint8]) -> Output:
        """Run the graph on one cropped slice, (side, side) uint8."""
        answer = self._run(pixels=pixels[None, :, :, None].astype(np.float32))
        return Output(**{name: values[0] for name, values in answer.items()})
