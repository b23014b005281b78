"""The sidecar: answers a gateway whether a request may go on, from memory that is kept fresh from the store.

``knowledge`` holds how accounts stand, ``decisions`` turns that into allow, throttle or block, ``http`` and ``grpc`` speak the forms that
gateways ask in, ``serve`` puts them together.
"""
