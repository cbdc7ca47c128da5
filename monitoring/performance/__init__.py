"""How well a module performs: measured on feedback, estimated without."""
