"""The Keras networks of the modules."""
