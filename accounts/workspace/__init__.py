"""Workspaces: logical spaces inside an account, each bound to one enterprise project."""
