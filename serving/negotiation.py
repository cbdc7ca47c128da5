"""Which of two representations a client asked for: its `Accept` header, read as RFC 9110 (12.5.1) says."""

from collections.abc import Sequence


def chosen(header: str, offers: Sequence[str]) -> str:
    """Return the media type that the client likes best; the first one where nothing else is said."""
    qualities = dict(_quality(item) for item in header.lower().split(","))

    def rank(offer: str) -> tuple[float, float]:
        """How much an offer is liked, then how exactly it was named: `application/json, */*` means JSON."""
        kinds = "*/*", f"{offer.partition('/')[0]}/*", offer
        named = ((place, qualities[kind]) for place, kind in enumerate(kinds) if kind in qualities)
        exactness, quality = max(named, default=(0, 0.0))
        return quality, exactness * quality

    return max(offers, key=rank)


def _quality(item: str) -> tuple[str, float]:
    kind, *parameters = (part.strip() for part in item.split(";"))
    stated = [parameter[2:] for parameter in parameters if parameter.startswith("q=")]
    try:
        return kind, float(stated[0]) if stated else 1.0
    except ValueError:
        return kind, 0.0
