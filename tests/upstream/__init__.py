"""A scripted upstream on a real socket: what tests say it should answer, it answers, faults included."""
