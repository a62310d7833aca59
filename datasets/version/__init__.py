"""Dataset versions: immutable snapshots, checked before use."""
