"""The dashboards are sound without a Grafana: committed, complete, and consistent with each other."""

import itertools
import json

import yaml

from tests.support.dashboards import BOARDS, GRAFANA, UIDS, each_board, panels, query_panels
from tests.support.server import REPOSITORY
from tools import dashboards


@each_board
def test_the_committed_file_is_what_the_code_makes(name: str) -> None:
    file = GRAFANA / "dashboards" / f"{name}.json"
    assert file.read_text(encoding="utf-8") == dashboards.to_json(BOARDS[name])


def test_no_other_file_stands_among_them() -> None:
    assert {file.stem for file in (GRAFANA / "dashboards").iterdir()} == set(UIDS)


def test_the_uids_never_change_since_links_from_outside_name_them() -> None:
    assert {name: board["uid"] for name, board in BOARDS.items()} == UIDS


@each_board
def test_a_dashboard_cannot_be_edited_and_is_tagged_and_refreshed(name: str) -> None:
    board = BOARDS[name]
    assert board["editable"] is False
    assert board["tags"] == ["imip"] and board["refresh"] and board["time"]["to"] == "now"
    assert board["graphTooltip"] == 1  # one crosshair on all panels
    assert "never for diagnosis" in board["description"]


def test_the_overview_says_first_what_imip_is_not_for() -> None:
    first = panels("overview")[0]
    assert "not a medical device" in first["options"]["content"]


@each_board
def test_every_panel_says_what_it_shows_and_in_which_unit(name: str) -> None:
    for panel in panels(name):
        assert panel["title"] and len(panel["description"]) > 30 and panel["description"].endswith("."), panel["title"]
    for panel in query_panels(name):
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]


@each_board
def test_the_data_source_is_always_the_one_chosen(name: str) -> None:
    board = BOARDS[name]
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    asked = [*query_panels(name), *(target for panel in query_panels(name) for target in panel["targets"])]
    variables = [variable for variable in board["templating"]["list"] if variable["type"] == "query"]
    annotations = board["annotations"]["list"]
    for one in [*asked, *variables, *annotations, *(annotation["target"] for annotation in annotations)]:
        assert one["datasource"] == chosen
    assert "imip-prometheus" not in json.dumps(board)


@each_board
def test_variables_stand_in_their_order_and_stand_for_all_at_first(name: str) -> None:
    variables = BOARDS[name]["templating"]["list"]
    assert [variable["name"] for variable in variables] == ["datasource", "job", "instance", "module"]
    assert variables[0]["type"] == "datasource" and variables[0]["query"] == "prometheus"
    for variable in variables[1:]:
        assert variable["multi"] and variable["includeAll"] and variable["allValue"] == ".+"
        assert variable["current"]["value"] == ["$__all"]


@each_board
def test_panels_stand_beside_each_other_on_the_grid(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARDS[name]["panels"]:
        at = panel["gridPos"]
        cells = set(itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])))
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells


@each_board
def test_numbers_of_panels_and_letters_of_questions_are_their_own(name: str) -> None:
    numbers = [panel["id"] for panel in BOARDS[name]["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in query_panels(name):
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)


@each_board
def test_a_dashboard_links_to_all_and_takes_time_and_variables_along(name: str) -> None:
    links = BOARDS[name]["links"]
    assert [link["url"] for link in links] == [f"/d/{uid}" for uid in UIDS.values()]
    assert all(link["keepTime"] and link["includeVars"] for link in links)


@each_board
def test_colours_begin_with_one_for_every_value(name: str) -> None:
    for panel in query_panels(name):
        values = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        assert values[0] is None and values[1:] == sorted(values[1:]), panel["title"]


def test_what_reviewers_say_has_words_for_before_they_said_anything() -> None:
    waiting = [
        panel
        for panel in query_panels("model")
        if "POST /feedback" in panel["fieldConfig"]["defaults"].get("noValue", "")
    ]
    assert {panel["title"] for panel in waiting} == {"Confusion", "Calibration", "False negative rate"}


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
