"""Objects: keys, uploads, downloads, listings."""
