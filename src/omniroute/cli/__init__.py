"""The omniroute command."""
