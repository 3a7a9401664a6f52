"""The listening side and the composition root."""
