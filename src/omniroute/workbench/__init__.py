"""What people do beside the traffic: benchmarks against their own server and providers."""
