"""What happened, written down beside the traffic and never in its way."""

from omniroute.telemetry.cost import charge, cost
from omniroute.telemetry.logs import configure_logs, request_context
from omniroute.telemetry.recorder import Recorder

__all__ = ["Recorder", "charge", "configure_logs", "cost", "request_context"]
