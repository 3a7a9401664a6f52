"""Words every other room shares. Imports nothing of ours."""
