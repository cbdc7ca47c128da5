"""From a scan to a prediction: artifact, preprocessing, one pass of the model, decision, features and warnings."""
