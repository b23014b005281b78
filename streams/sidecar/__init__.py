"""The sidecar: answers a gateway whether a request may go on, from memory that is kept fresh from the store.

``knowledge`` holds how accounts stand, ``decisions`` turns that into allow, throttle or block, ``buckets`` holds what throttled
accounts have left, ``http`` and ``grpc`` speak the forms that gateways ask in, ``guard`` stands between them and the network, ``pages``
answers a person's dashboard, ``serve`` puts them together.
"""
