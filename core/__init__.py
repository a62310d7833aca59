"""The kernel: resources, states, access, audit, outbox, reconcile, quotas. Knows no other room."""
