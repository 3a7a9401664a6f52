"""What happened, written down beside the traffic and never in its way."""

from omniroute.telemetry.cost import Charge, charge, cost
from omniroute.telemetry.logs import configure_logging, request_context
from omniroute.telemetry.recorder import Recorder, UsageRecord

__all__ = ["Charge", "Recorder", "UsageRecord", "charge", "configure_logging", "cost", "request_context"]
