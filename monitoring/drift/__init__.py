"""Whether new predictions differ from the reference: windows, detectors, checks and the monitor that runs them."""
