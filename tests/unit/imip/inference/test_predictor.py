"""The path of one scan: its stages timed, its frame and limits as given, its warnings in their order."""

import numpy as np
import pytest
from PIL import Image

from imip.errors import FrameOutOfRange, ScanTooLarge
from imip.explain.explanation import explain
from imip.inference.module import AnalysisModule
from imip.inference.predictor import analyse
from imip.modules import load
from imip.scan.limits import Limits
from tests.support.scan_files import mr_bytes, picture_bytes, ramp
from tests.support.server import REPOSITORY

BRAIN_TUMOR = REPOSITORY / "models" / "brain-tumor"


@pytest.fixture(scope="module")
def module() -> AnalysisModule:
    return load(BRAIN_TUMOR)


def test_an_analysis_times_its_stages_and_explains_itself(module: AnalysisModule) -> None:
    scan = picture_bytes(Image.fromarray(ramp(60, 90)), "PNG")
    analysis = analyse(scan, module)
    assert set(analysis.prediction.seconds) == {"decode", "preprocess", "infer", "measure"}
    explanation = explain(analysis)
    assert explanation.heatmap.values.shape == (60, 90)
    assert explanation.overlay.startswith(b"\x89PNG")
    assert set(explanation.prediction.seconds) == {"decode", "preprocess", "infer", "measure", "explain", "overlay"}
    assert all(0 <= seconds < 60 for seconds in explanation.prediction.seconds.values())


def test_an_analysis_takes_the_frame_and_the_limits_it_is_given(module: AnalysisModule) -> None:
    frames = mr_bytes(np.stack([ramp(), ramp()[::-1], ramp()]))
    assert analyse(frames, module).scan.frame == 1
    assert analyse(frames, module, frame=2).scan.frame == 2
    with pytest.raises(FrameOutOfRange):
        analyse(frames, module, frame=3)
    with pytest.raises(ScanTooLarge):
        analyse(frames, module, limits=Limits(side=10))


def test_warnings_of_the_scan_come_before_those_of_the_module(module: AnalysisModule) -> None:
    analysis = analyse(mr_bytes(ramp(), BurnedInAnnotation="YES"), module)
    assert analysis.prediction.warnings == ("burned_in_annotation", "out_of_distribution")
