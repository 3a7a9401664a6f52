"""A running OmniRoute for end-to-end tests."""
