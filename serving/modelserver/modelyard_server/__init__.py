"""Load customize_service.py, serve it over a unix socket, drain on SIGTERM."""
