"""One module per way of signing a call."""
