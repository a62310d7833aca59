"""Quotas: what an account uses of what it may have, and the operator's limits."""
