"""What happened, written down beside the traffic and never in its way."""

from omniroute.telemetry.cost import Charge, charge, cost
from omniroute.telemetry.logs import configure_logs, request_context
from omniroute.telemetry.recorder import Recorder, UsageRecord

__all__ = ["Charge", "Recorder", "UsageRecord", "charge", "configure_logs", "cost", "request_context"]
