"""The prediction gateway: a small ASGI application outside Django's request handler.

``create_app(resolver, sink, settings)`` in ``app`` builds it; ``protocol`` says what the resolver
and the sink must be.
"""
