"""The dashboard Model behaviour: labels, confidence, warnings, and accuracy on scans that reviewers labelled."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards.colours import GREEN, ORANGE, PLAIN
from tools.dashboards.label_matchers import MODULE, SERVER_AND_MODULE
from tools.dashboards.layout import Row, build_dashboard
from tools.dashboards.panels import Column, heatmap_panel, stat_panel, table_panel, time_series_panel
from tools.dashboards.queries import heatmap_query, range_query, table_query

UNLABELLED = "No labels yet: reviewers give them with POST /feedback."
PAIRS = f"module_actual_predicted:imip_labelled_findings:sum{{{MODULE}}}"
LABELLED = f"max by (module, predicted, actual, confidence) (imip_labelled_findings{{{MODULE}}})"


def correct(query: str) -> str:
    """Keep the predictions whose labels agree. PromQL cannot compare two labels, so one is copied to the other."""
    agreeing = f'label_replace(sum without (predicted) ({query}), "predicted", "$1", "actual", "(.+)")'
    return f"({query} and {agreeing})"


def build() -> Dashboard:
    return build_dashboard(
        "imip-model",
        "What the models answer, how sure they are, and how right where reviewers gave labels.",
        [_answers(), _warnings(), _accuracy(), _labels()],
    )


def _answers() -> Row:
    given = f"sum by (module, label) (rate(imip_predictions_total{{{SERVER_AND_MODULE}}}[$__rate_interval]))"
    confidence = f"sum by (le) (increase(imip_confidence_ratio_bucket{{{SERVER_AND_MODULE}}}[$__rate_interval]))"
    return "Answers", [
        time_series_panel(
            "Label mix",
            "reqps",
            "Share of each label among the findings. A lasting shift means other patients, other scanners or another "
            "model; see Drift and the marks of model changes.",
            range_query(given, "{{module}}: {{label}}"),
            stacked="percent",
            width=8,
        ),
        heatmap_panel(
            "Confidence",
            "percentunit",
            "How many findings had which calibrated confidence in the label given. Most should be near the top; a "
            "spread downwards means scans that the model finds hard.",
            heatmap_query(confidence),
            width=10,
        ),
        stat_panel(
            "Findings",
            "short",
            "Findings answered in the shown time, by label.",
            range_query(
                f"round(sum by (module, label) (increase(imip_predictions_total{{{SERVER_AND_MODULE}}}[$__range])))",
                "{{label}}",
            ),
            width=6,
            height=8,
        ),
    ]


def _warnings() -> Row:
    warned = f"sum by (module, warning) (rate(imip_warnings_total{{{SERVER_AND_MODULE}}}[$__rate_interval]))"
    answered = f"sum by (module) (rate(imip_predictions_total{{{SERVER_AND_MODULE}}}[$__rate_interval]))"
    return "Doubt", [
        time_series_panel(
            "Uncertain",
            "percentunit",
            "Share of the last 30 minutes' findings whose decision is `uncertain`, that is near a threshold. The card "
            "says how large it is on the test part; more means harder or foreign scans.",
            range_query(f"module:imip_uncertain:ratio_rate30m{{{MODULE}}}", "{{module}}"),
            width=8,
            no_value="No finding lately",
        ),
        time_series_panel(
            "Mean confidence",
            "percentunit",
            "Mean calibrated confidence of the last 30 minutes' findings. It falls when scans become foreign or poor; "
            "what is usual differs by module.",
            range_query(f"module:imip_confidence:mean30m{{{MODULE}}}", "{{module}}"),
            soft_min=0,
            max_value=1,
            width=8,
            no_value="No finding lately",
        ),
        time_series_panel(
            "Warnings",
            "percentunit",
            "Share of findings that carry each warning. `out_of_distribution` on known kinds of scans means drift; "
            "burned-in warnings concern the privacy of what clients send.",
            range_query(
                f"{warned} / on (module) group_left () ({answered} > 0) or 0 * {warned}", "{{module}}: {{warning}}"
            ),
            width=8,
        ),
    ]


def _accuracy() -> Row:
    measured = f"sum by (module) {correct(PAIRS)} / (sum by (module) ({PAIRS}) > 0)"
    rate = "module_actual:imip_false_negative_rate"
    bound = f"imip_model_false_negative_rate_bound_ratio{{{MODULE}}}"  # of the label to detect
    return "How right", [
        time_series_panel(
            "Accuracy, estimated and measured",
            "percentunit",
            "Estimated: what the confidence of the last 1,000 findings lets expect, no label seen. Measured: the share "
            "right among the findings that reviewers labelled in 30 days, seldom a random choice. The dashed line is "
            "the lower end of the card's interval; values that stay below it mean that the model does worse than when "
            "it was measured.",
            [
                range_query(f"module:imip_estimated_accuracy:ratio{{{MODULE}}}", "{{module}} estimated"),
                range_query(measured, "{{module}} measured"),
                range_query(
                    f"min by (module) (imip_model_accuracy_bound_ratio{{{MODULE}}})", "{{module}} card's bound"
                ),
            ],
            limit=".*bound",
            soft_min=0,
            max_value=1,
            no_value="No finding yet",
        ),
        time_series_panel(
            "False negative rate",
            "percentunit",
            "Share of the scans with a finding, such as a tumor, that the model missed, among those labelled in 30 "
            "days, with the limits of its 95% interval (dotted). The dashed line is the upper end of the card's "
            "interval: a lower limit above it means more misses than chance explains.",
            [
                *(
                    range_query(f"{rate}:{part}{{{MODULE}}} and on (module, actual) {bound}", f"{{{{actual}}}}{name}")
                    for part, name in {"ratio": "", "low": ", lower limit", "high": ", upper limit"}.items()
                ),
                range_query(f"max by (module, actual) ({bound})", "{{actual}}, card's bound"),
            ],
            limit=".*bound",
            margin=".*limit",
            no_value=UNLABELLED,
        ),
    ]


def _labels() -> Row:
    labels = f'label_replace(max by (module, actual) ({LABELLED}), "predicted", "$1", "actual", "(.+)")'
    chosen = f"({LABELLED} and on (module, predicted) {labels})"
    labelled = f"sum by (module, confidence) {chosen}"  # excludes abstentions
    share = f"sum by (module, confidence) {correct(LABELLED)} / ({labelled} > 0)"
    return "What reviewers said, 30 days", [
        stat_panel(
            "Labelled findings",
            "short",
            "Findings of the last 30 days that a reviewer labelled. Rates from fewer than a hundred say little.",
            range_query(f"sum by (module) ({PAIRS})", "{{module}}"),
            thresholds=PLAIN,
            height=8,
            no_value="No monitor yet",
        ),
        table_panel(
            "Confusion",
            "short",
            "Labelled findings by the label a reviewer gave and the one the model gave. Rows where they differ are "
            "errors or abstentions; a finding such as a tumor that was answered otherwise is the grave one.",
            table_query(f"sum by (module, actual, predicted) ({PAIRS}) and on (module) sum by (module) ({PAIRS}) > 0"),
            columns=[
                Column("module", "Module"),
                Column("actual", "Actual"),
                Column("predicted", "Predicted"),
                Column("Value", "Findings"),
            ],
            width=9,
            sort_descending_by="Findings",
            no_value=UNLABELLED,
        ),
        table_panel(
            "Calibration",
            "short",
            "Labelled findings by confidence, and the share of them that was right. If the model is calibrated, the "
            "share lies within the confidence's own limits; lower means overconfident.",
            [table_query(f"{labelled} > 0"), table_query(share)],
            columns=[
                Column("module", "Module"),
                Column("confidence", "Confidence"),
                Column("Value #A", "Findings"),
                Column("Value #B", "Right", "percentunit", ((None, ORANGE), (0.5, GREEN)), gauge=True),
            ],
            width=11,
            sort_descending_by="Confidence",
            no_value=UNLABELLED,
        ),
    ]
