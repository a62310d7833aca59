"""Slots: the lease of a pool's capacity to one attempt."""
