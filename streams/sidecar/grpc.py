"""Envoy's own services over gRPC: ``ext_authz`` (Authorization.Check) and the rate-limit service (ShouldRateLimit).

Needs the extra ``envoy``: grpcio, and the generated stubs of xds-protos. Field names: envoy.service.auth.v3 and
envoy.service.ratelimit.v3 of that package.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.sidecar.asked import Asked, Malformed, by_entries, by_fields
from siphonwatch.streams.sidecar.decisions import Decider, Decision, answered
from siphonwatch.streams.sidecar.guard import Tokens
from siphonwatch.streams.sidecar.http import MESSAGES
from siphonwatch.streams.sidecar.metrics import SidecarMetrics
from siphonwatch.streams.sidecar.tls import Credentials

ACCOUNT_KEYS = ("account", "account_id", "siphonwatch")  # of a descriptor's entries
OPTIONS = [
    ("grpc.max_receive_message_length", 1 << 20),
    ("grpc.server_handshake_timeout_ms", 5_000),
    ("grpc.max_connection_idle_ms", 300_000),
]
RPC_OK, RPC_UNAVAILABLE, RPC_EXHAUSTED, RPC_DENIED = 0, 14, 8, 7
CODES = {"allow": RPC_OK, "throttle": RPC_EXHAUSTED, "block": RPC_DENIED, "unavailable": RPC_UNAVAILABLE}


class EnvoyServices:
    """Both services on one port, in the event loop of the HTTP side, so that all decisions share one memory."""

    def __init__(self, decider: Decider, tokens: Tokens, metrics: SidecarMetrics, account_header: str) -> None:
        try:
            import grpc
            from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
            from envoy.service.ratelimit.v3 import rls_pb2, rls_pb2_grpc
        except ImportError as error:
            raise UsageError("--decision-grpc-port needs Envoy's stubs: pip install '.[envoy]' from a clone") from error
        self._grpc, self._auth, self._rls = grpc, external_auth_pb2, rls_pb2
        self._register = (external_auth_pb2_grpc.add_AuthorizationServicer_to_server, rls_pb2_grpc.add_RateLimitServiceServicer_to_server)
        self._decider, self._tokens, self._metrics, self._header = decider, tokens, metrics, account_header.lower()
        self._server: Any = None

    async def start(self, host: str, port: int, credentials: Credentials | None) -> int:
        """Listen, with TLS where there are ``credentials``; the port. ``UsageError`` where that cannot be done."""
        self._server = self._grpc.aio.server(maximum_concurrent_rpcs=1000, options=OPTIONS)
        for register in self._register:
            register(self, self._server)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if credentials is None:
                bound = self._server.add_insecure_port(address)
            else:
                pair, authority = [(credentials.key, credentials.certificate)], credentials.authority
                secure = self._grpc.ssl_server_credentials(pair, authority, require_client_auth=authority is not None)
                bound = self._server.add_secure_port(address, secure)
        except RuntimeError:
            bound = 0
        if not bound:
            raise UsageError(f"{address} cannot be listened on: is another program there? decision_grpc_port chooses another port")
        await self._server.start()
        return int(bound)

    async def stop(self) -> None:
        """Finish what is being answered."""
        await self._server.stop(1.0)

    async def _decide(self, ask: Callable[[], Asked], context: Any) -> Decision:
        if not self._tokens.accepts_metadata(context.invocation_metadata()):
            self._metrics.refused.labels("unauthorised").inc()
            await context.abort(self._grpc.StatusCode.UNAUTHENTICATED, "show the token of this sidecar")
        try:
            asked = ask()
        except Malformed as error:
            self._metrics.refused.labels("malformed").inc()
            await context.abort(self._grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return answered(self._decider, self._metrics, asked)

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """``envoy.service.auth.v3.Authorization/Check``."""
        headers = request.attributes.request.http.headers
        decision = await self._decide(lambda: by_fields(headers, self._header), context)
        response = self._auth.CheckResponse()
        response.status.code = CODES[decision.action]
        if decision.action == "allow":
            response.ok_response.SetInParent()
            for name, value in decision.headers:  # to the upstream, which may degrade its answer
                response.ok_response.headers.add(header={"key": name, "value": value})
            return response
        denied = response.denied_response
        denied.status.code = decision.status
        denied.body = MESSAGES[decision.action].decode()
        for name, value in [("content-type", "application/json"), *decision.headers]:
            denied.headers.add(header={"key": name, "value": value})
        return response

    async def ShouldRateLimit(self, request: Any, context: Any) -> Any:  # noqa: N802
        """``envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit``: over the limit where the account would be refused."""
        entries = [(entry.key, entry.value) for descriptor in request.descriptors for entry in descriptor.entries]
        decision = await self._decide(lambda: by_entries(entries, ACCOUNT_KEYS), context)
        answer = self._rls.RateLimitResponse
        over = decision.action != "allow"
        response = answer(overall_code=answer.OVER_LIMIT if over else answer.OK)
        for _ in request.descriptors:
            response.statuses.add(code=response.overall_code)
        for name, value in decision.headers:
            response.response_headers_to_add.add(key=name, value=value)
        return response
