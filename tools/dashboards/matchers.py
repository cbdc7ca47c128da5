"""Which series a panel looks at: label matchers that follow the dashboards' variables.

The drift monitor may run in a server of its own, under another job and instance than the API. Its series are
therefore chosen by module alone, and so is what recording rules have added up to modules.
"""

SERVER = 'job=~"$job", instance=~"$instance"'
OF_MODULE = 'module=~"$module"'
SERVED = f"{SERVER}, {OF_MODULE}"
ANALYSES = f'{SERVER}, route=~"/predict|/heatmap"'
NO_ANALYSES = f'{SERVER}, route!~"/predict|/heatmap"'
OF_JOB = 'job=~"$job"'
