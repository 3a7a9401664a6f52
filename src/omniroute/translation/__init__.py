"""Wire formats: synchronous, no IO."""
