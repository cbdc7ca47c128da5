"""The page of the ablation and of the rivals."""

from collections.abc import Sequence
from typing import Any, Final

from training.comparison.left_out.measuring import SEQUENCES
from training.comparison.left_out.variants import EPOCHS
from training.evidence.training import DRAWN
from training.export.card_page import as_table
from training.recipe import ROOT

PAGE: Final = ROOT / "docs" / "explanation" / "ablation.md"
VIEWS: Final = EPOCHS * DRAWN


def render(rows: Sequence[Sequence[Any]], source: str) -> str:
    """Return the page of rows: title, AUC by sequence, then peak on tumor by sequence."""
    head = ["Trained", *(f"AUC {name}" for name in SEQUENCES), *(f"Peak on tumor {name}" for name in SEQUENCES)]
    return f"""\
# What each part of the training is worth

Written by `python -m training.comparison.left_out --data DATA --source {source} --write`. **Research and teaching only,
never for diagnosis.** Each network was trained without the source {source} and judged on all of it: tumor slices
against tumor-free ones of the same patients and scanners. Each saw {VIEWS:,} views or pictures, fewer than the shipped
one. Logistic regression saw each training slice once. In brackets: 95% intervals over patients. A dash: it points
nowhere.

{as_table(head, rows)}
"""
