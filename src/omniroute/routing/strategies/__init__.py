"""Orders of candidates, one per file."""
