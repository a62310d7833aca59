"""Bad luck on purpose: break one part of a live installation and see that nothing is lost."""
