"""The dashboards are sound without a Grafana: complete, consistent with each other, and asking for what exists."""

import itertools
import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import promql_parser
import pytest
import yaml
from PIL import Image, ImageColor
from typer.testing import CliRunner

from cli.app import app
from tests.support.programs import program
from tests.support.server import REPOSITORY, free_port, wait_for
from tools import dashboards
from tools.dashboards.drawing import render
from tools.dashboards.drawing.query import fill
from tools.dashboards.drawing.units import written

BOARDS = dashboards.boards()
UIDS = {
    "overview": "imip-overview",
    "serving": "imip-serving",
    "model": "imip-model",
    "drift": "imip-drift",
    "intake": "imip-intake",
}
GRAFANA = REPOSITORY / "grafana"
COUNTED_OVER = {"[$__range]", "[1h]"}  # a number in the shown time, or in an hour, as the panel says
OF_PROMETHEUS = {"up", "ALERTS", "ALERTS_FOR_STATE"}

each = pytest.mark.parametrize("name", UIDS)


def panels(name: str) -> list[dict[str, Any]]:
    return [panel for panel in BOARDS[name]["panels"] if panel["type"] != "row"]


def asking(name: str) -> list[dict[str, Any]]:
    return [panel for panel in panels(name) if panel["type"] != "text"]


def known_series() -> set[str]:
    """The names that the metrics module exports, and those that rules record."""
    names = set(OF_PROMETHEUS)
    source = (REPOSITORY / "monitoring" / "metrics.py").read_text(encoding="utf-8")
    for kind, name in re.findall(r'(Counter|Gauge|Histogram|newest)\(\s*"(imip_\w+)"', source):
        suffixes = {"Counter": ("_total",), "Histogram": ("_bucket", "_count", "_sum")}.get(kind, ("",))
        names |= {name + suffix for suffix in suffixes}
    for file in (REPOSITORY / "prometheus" / "rules").glob("*.yml"):
        groups = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        names |= {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    return names


@each
def test_the_committed_file_is_what_the_code_makes(name: str) -> None:
    file = GRAFANA / "dashboards" / f"{name}.json"
    assert file.read_text(encoding="utf-8") == dashboards.text(BOARDS[name])


def test_no_other_file_stands_among_them() -> None:
    assert {file.stem for file in (GRAFANA / "dashboards").iterdir()} == set(UIDS)


def test_the_uids_never_change_since_links_from_outside_name_them() -> None:
    assert {name: board["uid"] for name, board in BOARDS.items()} == UIDS


@each
def test_a_dashboard_cannot_be_edited_and_is_tagged_and_refreshed(name: str) -> None:
    board = BOARDS[name]
    assert board["editable"] is False
    assert board["tags"] == ["imip"] and board["refresh"] and board["time"]["to"] == "now"
    assert board["graphTooltip"] == 1  # one crosshair on all panels
    assert "never for diagnosis" in board["description"]


def test_the_overview_says_first_what_imip_is_not_for() -> None:
    first = panels("overview")[0]
    assert "not a medical device" in first["options"]["content"]


@each
def test_every_panel_says_what_it_shows_and_in_which_unit(name: str) -> None:
    for panel in panels(name):
        assert panel["title"] and len(panel["description"]) > 30 and panel["description"].endswith("."), panel["title"]
    for panel in asking(name):
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]


@each
def test_the_data_source_is_always_the_one_chosen(name: str) -> None:
    board = BOARDS[name]
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    asked = [*asking(name), *(target for panel in asking(name) for target in panel["targets"])]
    variables = [variable for variable in board["templating"]["list"] if variable["type"] == "query"]
    annotations = board["annotations"]["list"]
    for one in [*asked, *variables, *annotations, *(annotation["target"] for annotation in annotations)]:
        assert one["datasource"] == chosen
    assert "imip-prometheus" not in json.dumps(board)


@each
def test_variables_stand_in_their_order_and_stand_for_all_at_first(name: str) -> None:
    variables = BOARDS[name]["templating"]["list"]
    assert [variable["name"] for variable in variables] == ["datasource", "job", "instance", "module"]
    assert variables[0]["type"] == "datasource" and variables[0]["query"] == "prometheus"
    for variable in variables[1:]:
        assert variable["multi"] and variable["includeAll"] and variable["allValue"] == ".+"
        assert variable["current"]["value"] == ["$__all"]


@each
def test_every_expression_is_promql_of_known_variables(name: str) -> None:
    for expression in dashboards.expressions(BOARDS[name]):
        promql_parser.parse(
            fill(expression.expr)
        )  # raises KeyError for a variable there is not, ValueError for no PromQL


def test_each_variable_is_used() -> None:
    text = "".join(expression.expr for board in BOARDS.values() for expression in dashboards.expressions(board))
    assert all(f"${name}" in text for name in ("job", "instance", "module"))


def test_an_expression_with_an_unknown_variable_is_refused() -> None:
    with pytest.raises(KeyError):
        fill("up{job=~'$jobs'}")


def test_variables_are_filled_as_named_and_else_with_all() -> None:
    asked = 'rate(x{job=~"$job", module=~"${module}"}[$__rate_interval])'
    assert fill(asked, rate_interval="2m", job="imip") == 'rate(x{job=~"imip", module=~".+"}[2m])'
    assert fill('label_replace(x, "a", "$1", "b", "(.+)")').count("$1") == 1


@each
def test_every_series_asked_for_exists(name: str) -> None:
    known = known_series()
    for expression in dashboards.expressions(BOARDS[name]):
        without_labels = re.sub(r"\{[^}]*\}|\[[^]]*\]", "", expression.expr)
        named = set(re.findall(r"\b(?:[a-z_]+:)?imip_[\w:]+|\bALERTS\w*|\bup\b", without_labels))
        assert named and named <= known, (expression.panel, named - known)


@each
def test_rates_follow_the_shown_time(name: str) -> None:
    for expression in dashboards.expressions(BOARDS[name]):
        for function, span in re.findall(r"\b(rate|irate|increase)\([^[]+(\[[^]]+\])", expression.expr):
            allowed = {"[$__rate_interval]"}
            if function == "increase":
                allowed |= COUNTED_OVER
            assert span in allowed, expression


@each
def test_series_are_chosen_by_the_variables(name: str) -> None:
    """API series by server, series of models by module; the monitor's by module alone, since it may run elsewhere."""
    for expression in dashboards.expressions(BOARDS[name]):
        if expression.panel.startswith("variable"):
            continue
        for series, labels in re.findall(r"\b(imip_\w+)\{([^}]*)\}", expression.expr):
            of_monitor = re.match(r"imip_(drift|labelled|estimated|model_\w+_bound)", series) is not None
            assert ("$instance" in labels) is ("$job" in labels) is not of_monitor, expression
            of_module = of_monitor or re.match(r"imip_(predictions|decisions|confidence|warnings|stage|model)", series)
            assert ("$module" in labels) is bool(of_module), expression


@each
def test_heatmaps_are_made_of_buckets(name: str) -> None:
    for panel in asking(name):
        if panel["type"] == "heatmap":
            [target] = panel["targets"]
            assert target["format"] == "heatmap" and "sum by (le)" in target["expr"]


@each
def test_panels_stand_beside_each_other_on_the_grid(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARDS[name]["panels"]:
        at = panel["gridPos"]
        cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells


@each
def test_numbers_of_panels_and_letters_of_questions_are_their_own(name: str) -> None:
    numbers = [panel["id"] for panel in BOARDS[name]["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in asking(name):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)


@each
def test_a_dashboard_links_to_all_and_takes_time_and_variables_along(name: str) -> None:
    links = BOARDS[name]["links"]
    assert [link["url"] for link in links] == [f"/d/{uid}" for uid in UIDS.values()]
    assert all(link["keepTime"] and link["includeVars"] for link in links)


@each
def test_colours_begin_with_one_for_every_value(name: str) -> None:
    for panel in asking(name):
        values = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        assert values[0] is None and values[1:] == sorted(values[1:]), panel["title"]


@each
def test_changes_are_marked_where_a_version_appears(name: str) -> None:
    version, reference = BOARDS[name]["annotations"]["list"]
    assert "imip_model_info" in version["target"]["expr"]
    assert "imip_drift_reference_info" in reference["target"]["expr"]
    assert all("unless" in one["target"]["expr"] and "{{version}}" in one["textFormat"] for one in (version, reference))


def test_what_reviewers_say_has_words_for_before_they_said_anything() -> None:
    waiting = [
        panel for panel in asking("model") if "POST /feedback" in panel["fieldConfig"]["defaults"].get("noValue", "")
    ]
    assert {panel["title"] for panel in waiting} == {"Confusion", "Calibration", "False negative rate"}


def test_objectives_are_those_of_the_rules() -> None:
    rules = (REPOSITORY / "prometheus" / "rules" / "objectives.yml").read_text(encoding="utf-8")
    assert "> 0) / 0.005" in rules and "> 0) / 0.01" in rules
    asked = {expression.panel: expression.expr for expression in dashboards.expressions(BOARDS["overview"])}
    assert asked["Answered, 30 days"].endswith("* 0.005") and asked["In time, 30 days"].endswith("* 0.01")


def test_grafana_finds_data_source_and_dashboards_without_a_click() -> None:
    provisioning = GRAFANA / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    [provider] = yaml.safe_load((provisioning / "dashboards" / "imip.yml").read_text())["providers"]
    grafana = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["grafana"]
    mounted = dict(volume.split(":")[1::-1] for volume in grafana["volumes"])
    scraped = yaml.safe_load((REPOSITORY / "prometheus.yml").read_text(encoding="utf-8"))["global"]["scrape_interval"]
    assert source["uid"] == "imip-prometheus" and source["editable"] is False
    assert source["jsonData"]["timeInterval"] == scraped
    assert mounted["/etc/grafana/provisioning"] == "./grafana/provisioning"
    assert mounted[provider["options"]["path"]] == "./grafana/dashboards"
    assert provider["allowUiUpdates"] is False and provider["disableDeletion"] is True


def test_the_command_finds_a_file_that_was_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.dashboards.FOLDER", tmp_path / "made")
    build = ["dashboards", "build"]
    assert CliRunner().invoke(app, [*build, "--check"]).exit_code == 1
    assert CliRunner().invoke(app, build).exit_code == 0
    assert CliRunner().invoke(app, [*build, "--check"]).exit_code == 0
    edited = tmp_path / "made" / "drift.json"
    edited.write_text(edited.read_text().replace("Drift", "Shift"))
    (tmp_path / "made" / "old.json").write_text("{}")
    checked = CliRunner().invoke(app, [*build, "--check"])
    assert checked.exit_code == 1 and "drift.json, old.json" in checked.output
    assert CliRunner().invoke(app, build).exit_code == 0
    assert sorted(file.stem for file in edited.parent.iterdir()) == sorted(UIDS)


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


def test_drawing_without_a_prometheus_says_so(tmp_path: Path) -> None:
    away = ["--prometheus", "http://127.0.0.1:9", "--out", str(tmp_path)]
    drawn = CliRunner().invoke(app, ["dashboards", "render", *away])
    assert drawn.exit_code == 1 and "does not answer" in drawn.output


def test_drawing_an_unknown_dashboard_names_those_there_are(tmp_path: Path) -> None:
    asked = ["--prometheus", "http://127.0.0.1:9", "--out", str(tmp_path), "--dashboard", "imip-other"]
    drawn = CliRunner().invoke(app, ["dashboards", "render", *asked])
    assert drawn.exit_code == 2 and "imip-drift" in drawn.output


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.9937, "percentunit", "99.4%"),
        (0.0123, "s", "12.3 ms"),
        (31_536_000, "s", "52.1 weeks"),
        (3 * 2**30, "bytes", "3 GiB"),
        (12_345, "short", "12.3 K"),
        (2.5, "reqps", "2.5 req/s"),
        (0, "s", "0 s"),
        (float("nan"), "short", "-"),
    ],
)
def test_a_value_is_written_with_its_unit(value: float, unit: str, text: str) -> None:
    assert written(value, unit) == text
