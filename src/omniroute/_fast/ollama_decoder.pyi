"""Ollama chat streams, read."""

from omniroute._fast.stream import Decoder

class OllamaDecoder(Decoder):
    """Reads the lines of an Ollama upstream up to the one that is ``done``. A whole answer on one line is a stream as well."""
