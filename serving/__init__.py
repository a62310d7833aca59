"""Services and the gateway."""
