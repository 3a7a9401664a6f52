"""Who serves this request: pure decisions over a snapshot."""
