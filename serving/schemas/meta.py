"""What `/meta` answers, made from the cards of the served modules and the settings."""

from collections.abc import Iterable
from typing import Literal, get_args

from pydantic import Field

from imip import __version__
from imip.disclaimer import DISCLAIMER
from imip.inference.card import Card, HeatmapKind
from imip.scan.scan import Format
from imip.settings import Settings
from serving.schemas.answer import Answer


class ModuleMeta(Answer):
    """One served module."""

    name: str
    title: str
    question: str
    modalities: tuple[str, ...] = Field(description="DICOM Modality codes of the scans it is for, the usual one first")
    labels: tuple[str, ...]
    abstention: str | None = Field(description="answered where no label is chosen; null if one always is")
    heatmap: HeatmapKind = Field(
        description="what `/heatmap` shows; evidence is a probability, any other heatmap is scaled to its peak"
    )
    version: str
    card: Card


class LimitsMeta(Answer):
    """What is refused unread."""

    body_bytes: int
    side_pixels: int
    pixels: int
    frames: int
    decoded_bytes: int
    inflated_bytes: int


class Meta(Answer):
    """What this server serves and accepts."""

    name: Literal["imip"] = "imip"
    version: str
    default_module: str
    modules: tuple[ModuleMeta, ...]
    accepted_formats: tuple[str, ...]
    limits: LimitsMeta
    burned_in_annotation: Literal["refuse", "warn"]
    research_only: Literal[True] = True
    disclaimer: str = DISCLAIMER


def meta(cards: Iterable[Card], settings: Settings) -> Meta:
    """Describe what is served; the first card is the default module's."""
    modules = tuple(map(module_meta, cards))
    limits = settings.limits
    return Meta(
        version=__version__,
        default_module=modules[0].name,
        modules=modules,
        accepted_formats=get_args(Format),
        limits=LimitsMeta(
            body_bytes=limits.body_bytes,
            side_pixels=limits.side,
            pixels=limits.pixels,
            frames=limits.frames,
            decoded_bytes=limits.decoded_bytes,
            inflated_bytes=limits.inflated_bytes,
        ),
        burned_in_annotation=settings.burned_in,
    )


def module_meta(card: Card) -> ModuleMeta:
    """Describe one module by its card."""
    return ModuleMeta(
        name=card.module,
        title=card.title,
        question=card.question,
        modalities=card.input.modalities,
        labels=card.labels,
        abstention=card.abstention,
        heatmap=card.heatmap,
        version=card.version,
        card=card,
    )
