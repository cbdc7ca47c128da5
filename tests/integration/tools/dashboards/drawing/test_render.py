"""Pictures of the dashboards, drawn from a real Prometheus."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image, ImageColor
from typer.testing import CliRunner

from cli.app import app
from tests.support.dashboards import UIDS, panels
from tests.support.programs import program
from tests.support.server import free_port, wait_for
from tools.dashboards.drawing import render


@contextmanager
def prometheus_of(samples: Mapping[str, float], folder: Path) -> Iterator[str]:
    """A Prometheus that has known these series, by name and labels, for ten minutes."""
    now = int(time.time())
    lines = [f"{series} {value} {at}" for series, value in samples.items() for at in range(now - 600, now + 1, 15)]
    (folder / "samples").write_text("\n".join([*lines, "# EOF\n"]))
    (folder / "prometheus.yml").write_text("")
    data, address = folder / "data", f"127.0.0.1:{free_port()}"
    made = ["tsdb", "create-blocks-from", "openmetrics", folder / "samples", data]
    subprocess.run([program("promtool"), *made], check=True, capture_output=True)
    options = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={data}"]
    with subprocess.Popen(
        [program("prometheus"), *options, f"--web.listen-address={address}"], stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(lambda: answers(f"http://{address}/-/ready"), 30)
            yield f"http://{address}"
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def colours_of(picture: Path, name: str, title: str) -> set[tuple[int, ...]]:
    """The colours of a panel in the picture of a dashboard."""
    [at] = [panel["gridPos"] for panel in panels(name) if panel["title"] == title]
    left, top = render.GAP + at["x"] * render.COLUMN, render.HEADER + at["y"] * render.ROW
    panel = (
        Image.open(picture)
        .convert("RGB")
        .crop((left, top, left + at["w"] * render.COLUMN - render.GAP, top + at["h"] * render.ROW - render.GAP))
    )
    return {colour for _, colour in panel.getcolors(1 << 20)}


def test_a_picture_shows_every_panel_in_its_place_with_what_prometheus_knows(tmp_path: Path) -> None:
    of_module = 'module="brain-tumor"'
    drifted = {
        f'imip_drift_detected{{{of_module},detector="ks"}}': 1,
        f'imip_drift_p_value{{{of_module},detector="ks"}}': 0.001,
        f'imip_drift_feature_statistic{{{of_module},feature="noise_ratio"}}': 0.5,
        f'imip_drift_feature_statistic{{{of_module},feature="symmetry"}}': 0.05,
        f"imip_drift_window_fill_ratio{{{of_module}}}": 1,
    }
    red, green, text = (ImageColor.getrgb(colour) for colour in ("#f2495c", "#73bf69", "#d5d6dc"))
    with prometheus_of(drifted, tmp_path) as url:
        drawn = CliRunner().invoke(app, ["dashboards", "render", "--prometheus", url, "--out", str(tmp_path)])
    assert drawn.exit_code == 0, drawn.output
    picture = tmp_path / "drift.png"
    assert red in colours_of(picture, "drift", "Last check")
    assert green in colours_of(picture, "drift", "Window fill")
    assert {red, green} <= colours_of(picture, "drift", "Features by their shift")
    assert not {red, green} & colours_of(picture, "drift", "Age of the last check")  # nothing is known of it
    for name in UIDS:
        assert all(text in colours_of(tmp_path / f"{name}.png", name, panel["title"]) for panel in panels(name))
