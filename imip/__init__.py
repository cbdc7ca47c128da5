"""IMIP's inference core: the bytes of one scan in, one finding out. Research only, never for diagnosis."""

__version__ = "0.1.0"
