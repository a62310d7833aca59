"""Online services: model servers that run, are watched and restarted, behind the gateway."""
