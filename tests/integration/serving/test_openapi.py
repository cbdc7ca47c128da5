"""The OpenAPI page describes this server, and keeps its reader's browser there."""

import re

from imip import __version__
from imip.disclaimer import DISCLAIMER
from tests.support.server import Server


def test_the_openapi_page_shows_both_inferences_with_a_file_field(server: Server) -> None:
    paths = server.http.get("/docs.json").json()["paths"]
    assert {"/predict", "/heatmap", "/livez", "/readyz", "/metrics"} <= set(paths)
    for route in ("/predict", "/heatmap"):
        content = paths[route]["post"]["requestBody"]["content"]["multipart/form-data"]
        schema = content["schema"]
        assert schema["required"] == ["file"]
        assert schema["properties"]["file"]["format"] == "binary"
        assert "file" not in content["encoding"]  # it is sent as it is, not as JSON
        assert {"module", "frame"} <= set(schema["properties"])
        assert paths[route]["post"]["description"]
    assert set(paths["/heatmap"]["post"]["responses"]["200"]["content"]) == {"image/png", "application/json"}


def test_the_openapi_page_speaks_of_this_server_and_of_no_other(server: Server) -> None:
    document = server.http.get("/docs.json").json()
    assert (document["info"]["title"], document["info"]["version"]) == ("IMIP", __version__)
    assert DISCLAIMER in document["info"]["description"]
    text = str(document)
    assert "://" not in text
    assert "InvalidArgument" not in text and "contact@" not in text
    schemas = document["components"]["schemas"]
    named = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert {"PredictionAnswer", "HeatmapAnswer", "Meta", "Problem"} <= named <= set(schemas)
    assert "200" in document["paths"]["/meta"]["get"]["responses"]
    for route in ("/predict", "/heatmap"):
        responses = document["paths"][route]["post"]["responses"]
        assert set(responses) == {"200", "400", "408", "413", "415", "422", "503"}
        for status in set(responses) - {"200"}:
            content = responses[status]["content"]
            assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert list(schemas["Problem"]["properties"]) == ["type", "title", "status", "detail", "request_id"]


def test_the_openapi_page_keeps_the_readers_browser_at_home(server: Server) -> None:
    page = server.http.get("/")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy and "*" not in policy
    assert server.http.get("/static_content/swagger-ui.css").status_code == 200


def test_the_openapi_page_shows_that_a_report_may_be_awaited(server: Server) -> None:
    document = server.http.get("/docs.json").json()
    awaited = document["paths"]["/reports/drift"]["get"]["responses"]["202"]
    assert awaited["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/Awaited"}}}
    assert set(document["components"]["schemas"]["Awaited"]["properties"]) == {"status", "detail"}
    assert "408" in document["paths"]["/feedback"]["post"]["responses"]
