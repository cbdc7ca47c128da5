"""`imip settings` prints the tables that docs/reference/settings.md shows."""

from tests.support.commands import said
from tests.support.server import REPOSITORY


def test_the_page_shows_every_setting() -> None:
    server, drift = said("settings").strip().split("\n\nOf each module in `IMIP_DRIFT`:\n\n")
    page = (REPOSITORY / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert server.startswith("| Setting |") and server in page
    assert drift.startswith("| Setting |") and drift in page
