"""One file per thing the API manages."""
