"""Sign-in, passwords, throttling and the first set-up."""
