"""The command line, `imip`. Each command imports the large libraries that it needs, so that all commands start fast."""

import typer

from cli import dashboards, drift, log, models, score, settings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="IMIP's command line. For research and teaching only."
)
app.add_typer(log.log, name="log")
app.add_typer(drift.drift, name="drift")
app.add_typer(log.report, name="report")
app.add_typer(dashboards.dashboards, name="dashboards")
for command in (
    log.performance,
    score.score,
    settings.settings,
    models.split,
    models.train,
    models.export,
    models.evaluate,
    models.compare,
):
    app.command()(command)
