"""One folder per wire format."""
