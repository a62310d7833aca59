"""Regions, flavors, pools, engines, sandbox, backends."""
