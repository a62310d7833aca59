"""Console sessions: where a user is signed in."""
