"""What is not JSON over HTTP and SSE."""
