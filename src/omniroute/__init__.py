"""OmniRoute: one local endpoint for every LLM provider."""

__version__ = "0.1.0"
