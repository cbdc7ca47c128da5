"""From a scan to a prediction: load the artifact, preprocess, run the model, decide, measure features, warn."""
