"""What the model answers and how sure it is; how right it is, once reviewers say so."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards.colours import GREEN, ORANGE, PLAIN
from tools.dashboards.layout import Row, page
from tools.dashboards.matchers import OF_MODULE, SERVED
from tools.dashboards.panels import Column, big_number, curves, density, listing
from tools.dashboards.targets import buckets, over_time, rows

UNLABELLED = "No labels yet: reviewers give them with POST /feedback."
PAIRS = f"module_actual_predicted:imip_labelled_findings:sum{{{OF_MODULE}}}"
LABELLED = f"max by (module, predicted, actual, confidence) (imip_labelled_findings{{{OF_MODULE}}})"


def right(findings: str) -> str:
    """Keep the findings whose labels agree: PromQL compares no two labels of a series, so one is made of the other."""
    agreeing = f'label_replace(sum without (predicted) ({findings}), "predicted", "$1", "actual", "(.+)")'
    return f"({findings} and {agreeing})"


def build() -> Dashboard:
    return page(
        "imip-model",
        "What the models answer, how sure they are, and how right where reviewers gave labels.",
        [_answers(), _warnings(), _rightness(), _labels()],
    )


def _answers() -> Row:
    given = f"sum by (module, label) (rate(imip_predictions_total{{{SERVED}}}[$__rate_interval]))"
    sure = f"sum by (le) (increase(imip_confidence_ratio_bucket{{{SERVED}}}[$__rate_interval]))"
    return "Answers", [
        curves(
            "Label mix",
            "reqps",
            "Share of each label among the findings. A lasting shift means other patients, other scanners or another "
            "model; see Drift and the marks of model changes.",
            over_time(given, "{{module}}: {{label}}"),
            stacked="percent",
            width=8,
        ),
        density(
            "Confidence",
            "percentunit",
            "How many findings had which calibrated confidence in the label given. Most should be near the top; a "
            "spread downwards means scans that the model finds hard.",
            buckets(sure),
            width=10,
        ),
        big_number(
            "Findings",
            "short",
            "Findings answered in the shown time, by label.",
            over_time(
                f"round(sum by (module, label) (increase(imip_predictions_total{{{SERVED}}}[$__range])))", "{{label}}"
            ),
            width=6,
            height=8,
        ),
    ]


def _warnings() -> Row:
    warned = f"sum by (module, warning) (rate(imip_warnings_total{{{SERVED}}}[$__rate_interval]))"
    answered = f"sum by (module) (rate(imip_predictions_total{{{SERVED}}}[$__rate_interval]))"
    return "Doubt", [
        curves(
            "Uncertain",
            "percentunit",
            "Share of the last 30 minutes' findings whose decision is `uncertain`, that is near a threshold. The card "
            "says how large it is on the test part; more means harder or foreign scans.",
            over_time(f"module:imip_uncertain:ratio_rate30m{{{OF_MODULE}}}", "{{module}}"),
            width=8,
            empty="No finding lately",
        ),
        curves(
            "Mean confidence",
            "percentunit",
            "Mean calibrated confidence of the last 30 minutes' findings. It falls when scans become foreign or poor; "
            "what is usual differs by module.",
            over_time(f"module:imip_confidence:mean30m{{{OF_MODULE}}}", "{{module}}"),
            least=0,
            most=1,
            width=8,
            empty="No finding lately",
        ),
        curves(
            "Warnings",
            "percentunit",
            "Share of findings that carry each warning. `out_of_distribution` on known kinds of scans means drift; "
            "burned-in warnings concern the privacy of what clients send.",
            over_time(
                f"{warned} / on (module) group_left () ({answered} > 0) or 0 * {warned}", "{{module}}: {{warning}}"
            ),
            width=8,
        ),
    ]


def _rightness() -> Row:
    measured = f"sum by (module) {right(PAIRS)} / (sum by (module) ({PAIRS}) > 0)"
    rate = "module_actual:imip_false_negative_rate"
    bound = f"imip_model_false_negative_rate_bound_ratio{{{OF_MODULE}}}"  # of the label that must not be missed
    return "How right", [
        curves(
            "Accuracy, estimated and measured",
            "percentunit",
            "Estimated: what the confidence of the last 1,000 findings lets expect, no label seen. Measured: the share "
            "right among the findings that reviewers labelled in 30 days, seldom a random choice. The dashed line is "
            "the lower end of the card's interval; values that stay below it mean that the model does worse than when "
            "it was measured.",
            [
                over_time(f"module:imip_estimated_accuracy:ratio{{{OF_MODULE}}}", "{{module}} estimated"),
                over_time(measured, "{{module}} measured"),
                over_time(
                    f"min by (module) (imip_model_accuracy_bound_ratio{{{OF_MODULE}}})", "{{module}} card's bound"
                ),
            ],
            limit=".*bound",
            least=0,
            most=1,
            empty="No finding yet",
        ),
        curves(
            "False negative rate",
            "percentunit",
            "Share of the scans with a finding, such as a tumor, that the model missed, among those labelled in 30 "
            "days, with the limits of its 95% interval (dotted). The dashed line is the upper end of the card's "
            "interval: a lower limit above it means more misses than chance explains.",
            [
                *(
                    over_time(f"{rate}:{part}{{{OF_MODULE}}} and on (module, actual) {bound}", f"{{{{actual}}}}{name}")
                    for part, name in {"ratio": "", "low": ", lower limit", "high": ", upper limit"}.items()
                ),
                over_time(f"max by (module, actual) ({bound})", "{{actual}}, card's bound"),
            ],
            limit=".*bound",
            margin=".*limit",
            empty=UNLABELLED,
        ),
    ]


def _labels() -> Row:
    labels = f'label_replace(max by (module, actual) ({LABELLED}), "predicted", "$1", "actual", "(.+)")'
    chosen = f"({LABELLED} and on (module, predicted) {labels})"
    labelled = f"sum by (module, confidence) {chosen}"  # without abstentions, which are no true label
    share = f"sum by (module, confidence) {right(LABELLED)} / ({labelled} > 0)"
    return "What reviewers said, 30 days", [
        big_number(
            "Labelled findings",
            "short",
            "Findings of the last 30 days that a reviewer labelled. Rates from fewer than a hundred say little.",
            over_time(f"sum by (module) ({PAIRS})", "{{module}}"),
            steps=PLAIN,
            height=8,
            empty="No monitor yet",
        ),
        listing(
            "Confusion",
            "short",
            "Labelled findings by the label a reviewer gave and the one the model gave. Rows where they differ are "
            "errors or abstentions; a finding such as a tumor that was answered otherwise is the grave one.",
            rows(f"sum by (module, actual, predicted) ({PAIRS}) and on (module) sum by (module) ({PAIRS}) > 0"),
            columns=[
                Column("module", "Module"),
                Column("actual", "Actual"),
                Column("predicted", "Predicted"),
                Column("Value", "Findings"),
            ],
            width=9,
            descending="Findings",
            empty=UNLABELLED,
        ),
        listing(
            "Calibration",
            "short",
            "Labelled findings by confidence, and the share of them that was right. If the model is calibrated, the "
            "share lies within the confidence's own limits; lower means overconfident.",
            [rows(f"{labelled} > 0"), rows(share)],
            columns=[
                Column("module", "Module"),
                Column("confidence", "Confidence"),
                Column("Value #A", "Findings"),
                Column("Value #B", "Right", "percentunit", ((None, ORANGE), (0.5, GREEN)), gauge=True),
            ],
            width=11,
            descending="Confidence",
            empty=UNLABELLED,
        ),
    ]
