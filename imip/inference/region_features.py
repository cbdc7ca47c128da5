"""Region features: number, size and place of the regions of a prediction. Logged with the image features."""

from collections.abc import Sequence

from imip.prediction import EvidenceRegion

REGION_FEATURES = ("region_count", "region_area_ratio", "region_row", "region_column")


def region_features(regions: Sequence[EvidenceRegion], slice_shape: tuple[int, int]) -> dict[str, float]:
    """Return REGION_FEATURES in order, of the regions of a slice, strongest first.

    region_count: number of regions; 0 where a module has none.
    region_area_ratio: their areas together, as a share of the foreground; 0 without a region.
    region_row, region_column: centroid of the strongest region, 0..1 in the slice; 0.5 without a region.
    """
    row = column = 0.5
    if regions:
        strongest = regions[0].centroid
        row, column = strongest.row / slice_shape[0], strongest.column / slice_shape[1]
    area = min(1.0, sum((region.area_ratio for region in regions), start=0.0))
    return dict(zip(REGION_FEATURES, (float(len(regions)), area, row, column), strict=True))
