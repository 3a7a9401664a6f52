"""What an operator can switch on for a request."""
