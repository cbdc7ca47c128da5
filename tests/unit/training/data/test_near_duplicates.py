"""Near-duplicates and one patient's neighbouring slices end up in one group; unrelated slices do not."""

import cv2
import numpy as np
import pytest

from imip.inference.head import find_head
from tests.support.heads import head, sample
from training.data.near_duplicates import group
from training.data.samples import Sample


def groups_of(*samples: Sample) -> list[int]:
    return group(samples, find_head, ["glioma"]).tolist()


@pytest.mark.parametrize(
    "copy",
    [
        lambda p: p.copy(),
        lambda p: np.ascontiguousarray(p[:, ::-1]),
        lambda p: np.ascontiguousarray(p[::-1]),
        lambda p: cv2.convertScaleAbs(p, alpha=0.6, beta=0),
        lambda p: np.pad(p, 30),
        lambda p: cv2.imdecode(cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_GRAYSCALE),
    ],
    ids=["same", "mirrored", "upside down", "darker", "with margins", "recompressed"],
)
def test_a_changed_copy_joins_its_original(copy):
    first, second, other = groups_of(
        sample(head(1), "a.jpg"), sample(copy(head(1)), "x.jpg", "notumor"), sample(head(2), "b.jpg", "notumor")
    )
    assert first == second != other


def test_neighbouring_files_of_a_numbered_class_that_look_alike_are_one_patient():
    blend = cv2.addWeighted(head(1), 0.4, head(2), 0.6, 0)
    assert np.corrcoef(head(1).ravel(), blend.ravel())[0, 1] > 0.85
    near = groups_of(sample(head(1), "001.jpg"), sample(blend, "002.jpg"))
    healthy = groups_of(sample(head(1), "001.jpg", "notumor"), sample(blend, "002.jpg", "notumor"))
    assert near[0] == near[1]
    assert healthy[0] != healthy[1]
