"""The data set that all brain modules learn from, in the words of their cards."""

DATA = """\
The public Brain Tumor MRI Dataset (Nickparvar, Kaggle, CC0; merged from Cheng's figshare set, CC BY 4.0, SARTAJ and
Br35H), a re-compressed mirror of 224x224 JPEG slices in four classes. Its own Training and Testing folders leak:
the same slices and the same patients stand in both. They are ignored. Slices are grouped by near-duplicates
(correlation of 32x32 reductions >= 0.95, raw, cut to the head and mirrored) and by neighbouring file numbers of one
tumor folder that correlate at >= 0.85 (the numbering follows patients), and whole groups are split 70/15/15,
stratified by class."""

FACTORS = """\
Plane (axial, coronal, sagittal), sequence (T1 with contrast dominates the tumors; the healthy slices mix T1, T2 and
FLAIR), scanner, field of view, compression. Age, sex, ethnicity, country and disease stage are unknown for this
data set, so performance by such groups cannot be measured."""
