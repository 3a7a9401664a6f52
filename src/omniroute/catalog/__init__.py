"""Providers as data."""
