"""From a folder of labelled scans to a shipped artifact: clean splits, Keras models, calibration, evaluation."""
