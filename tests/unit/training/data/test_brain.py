"""Where each slice of the known sources comes from is read from its place; other folders name classes alone."""

from pathlib import Path

import pytest

from training.data.brain import find, is_left_out
from training.data.samples import Found, Origin, Sample

FOLDERS = {"glioma": "glioma", "notumor": "notumor", "no": "notumor", "yes": "tumor"}
SLICES = (
    "brain-tumor-mri/Training/glioma/Tr-gl_0001.jpg",
    "brain-tumor-mri/Training/glioma/Tr-gl_0002.jpg",
    "brain-tumor-mri/Testing/notumor/Te-no_0001.jpg",
    "lgg-mri/TCGA_DU_5849_19950405/t1-07.jpg",
    "lgg-mri/TCGA_DU_5849_19950405/flair-07.jpg",
    "lgg-mri/TCGA_DU_5849_19950405/flair-31.jpg",
    "lgg-mri/TCGA_HT_7473_19970826/t1c-02.jpg",
    "healthy-t1/axial/one.jpg",
    "healthy-t1/sagittal/two.jpg",
    "ms-ljubljana/patient03/t1w-11.jpg",
    "ms-ljubljana/patient03/t2w-11.jpg",
    "ms-ljubljana/patient03/flair-11.jpg",
)
OTHERS = (  # what lies among the slices and is none
    "brain-tumor-mri-masks/Training/glioma/Tr-gl_0001.png",
    "lgg-mri/TCGA_DU_5849_19950405/mask-07.png",
    "lgg-mri/TCGA_HT_7473_19970826/mask-02.png",
    "lgg-mri/README.txt",
    "healthy-t1/unsorted/three.jpg",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return made(tmp_path / "data", *SLICES, *OTHERS)


def made(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(root: Path) -> dict[str, Found]:
    files = find(root, FOLDERS)
    assert len({file.path for file in files}) == len(files)
    return {file.path.relative_to(root).as_posix(): file for file in files}


def test_every_slice_is_found_once_and_neither_masks_nor_notes_are_slices(root: Path) -> None:
    assert sorted(found(root)) == sorted(SLICES)


@pytest.mark.parametrize(
    ("name", "class_name", "origin"),
    [
        (SLICES[0], "glioma", Origin("brain-tumor-mri", None, "t1c", None)),
        (SLICES[2], "notumor", Origin("brain-tumor-mri", None, None, None)),
        (SLICES[3], "glioma", Origin("lgg-du", "DU-5849", "t1", "axial")),
        (SLICES[5], "notumor", Origin("lgg-du", "DU-5849", "flair", "axial")),
        (SLICES[6], "glioma", Origin("lgg-ht", "HT-7473", "t1c", "axial")),
        (SLICES[8], "notumor", Origin("healthy-t1", None, "t1", "sagittal")),
        (SLICES[9], "notumor", Origin("ms-ljubljana", "patient03", "t1", "axial")),
        (SLICES[10], "notumor", Origin("ms-ljubljana", "patient03", "t2", "axial")),
    ],
)
def test_a_slice_is_of_a_source_a_patient_a_sequence_and_a_plane(
    root: Path, name: str, class_name: str, origin: Origin
) -> None:
    file = found(root)[name]
    assert (file.class_name, file.origin) == (class_name, origin)


def test_masks_are_found_where_somebody_drew_one(root: Path) -> None:
    masks = {name: file.mask.relative_to(root).as_posix() for name, file in found(root).items() if file.mask}
    assert masks == {SLICES[0]: OTHERS[0], SLICES[3]: OTHERS[1], SLICES[4]: OTHERS[1], SLICES[6]: OTHERS[2]}


def test_a_slice_of_a_glioma_patient_without_a_mask_shows_no_tumor(root: Path) -> None:
    files = found(root)
    assert files[SLICES[5]].class_name == "notumor"
    assert {files[SLICES[number]].class_name for number in (3, 4)} == {"glioma"}


@pytest.mark.parametrize(
    ("folder", "source"),
    [("brain-tumor-mri", "brain-tumor-mri"), ("healthy-t1", "healthy-t1"), ("ms-ljubljana", "ms-ljubljana")],
)
def test_the_folder_may_be_one_source_itself(root: Path, folder: str, source: str) -> None:
    files = found(root / folder)
    assert sorted(f"{folder}/{name}" for name in files) == sorted(n for n in SLICES if n.startswith(f"{folder}/"))
    assert {file.origin.source for file in files.values() if file.origin} == {source}


def test_the_first_set_alone_finds_its_masks_beside_it(root: Path) -> None:
    assert found(root / "brain-tumor-mri")["Training/glioma/Tr-gl_0001.jpg"].mask == root / OTHERS[0]


def test_folders_of_ones_own_name_classes_and_have_no_origin(tmp_path: Path) -> None:
    files = found(made(tmp_path, "study/Yes/1.png", "study/no/2.png"))
    assert {name: (file.class_name, file.origin, file.mask) for name, file in files.items()} == {
        "study/Yes/1.png": ("tumor", None, None),
        "study/no/2.png": ("notumor", None, None),
    }


def test_a_folder_without_labelled_scans_is_refused_with_the_names_that_would_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="notumor"):
        find(made(tmp_path, "scans/1.png"), FOLDERS)


def test_a_source_is_left_out_whole_but_of_the_first_set_its_tumors_alone(root: Path) -> None:
    left_out = {
        source: [name for name, file in found(root).items() if is_left_out(sample(file), source)]
        for source in ("brain-tumor-mri", "lgg-du", "ms-ljubljana")
    }
    assert left_out == {
        "brain-tumor-mri": [*SLICES[:2]],
        "lgg-du": sorted(SLICES[3:6]),
        "ms-ljubljana": sorted(SLICES[9:]),
    }


def test_slices_without_an_origin_are_never_left_out(tmp_path: Path) -> None:
    (file,) = find(made(tmp_path, "glioma/1.png"), FOLDERS)
    assert not is_left_out(sample(file), "brain-tumor-mri")


def sample(file: Found) -> Sample:
    return Sample(file.path, "", file.class_name, None, b"", file.origin)  # type: ignore[arg-type]
