"""Share units, invitations and grants."""
