"""The inference core of IMIP: from the bytes of one scan to a prediction. For research only, never for diagnosis."""

__version__ = "0.1.0"
