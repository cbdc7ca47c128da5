"""For those who work on IMIP: benchmarks, and the code that generates the dashboards. Nothing that ships imports it."""
