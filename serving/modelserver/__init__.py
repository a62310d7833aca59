"""The model server. This directory is bound read-only into the sandbox and run there by the
engine's interpreter; nothing of the platform may be imported from it, nor it by the platform.
"""
