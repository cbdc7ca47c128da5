"""Label matchers that select series by the variables of the dashboards.

The drift monitor may run in a separate server, with another job and instance than the API. Therefore its series are
selected only by module, like the series of recording rules that are aggregated by module.
"""

SERVER = 'job=~"$job", instance=~"$instance"'
MODULE = 'module=~"$module"'
SERVER_AND_MODULE = f"{SERVER}, {MODULE}"
ANALYSIS_ROUTES = f'{SERVER}, route=~"/predict|/heatmap"'
OTHER_ROUTES = f'{SERVER}, route!~"/predict|/heatmap"'
JOB = 'job=~"$job"'
