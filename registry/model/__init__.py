"""Models: a checked package of weights, contract and code, unchanging once published."""
