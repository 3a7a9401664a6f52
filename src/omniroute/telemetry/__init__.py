"""What happened, written down beside the traffic and never in its way."""
