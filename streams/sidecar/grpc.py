"""Envoy's own services over gRPC: ``ext_authz`` (Authorization.Check) and the rate-limit service (ShouldRateLimit).

Needs the extra ``envoy``: grpcio, and the generated stubs of xds-protos. Field names: envoy.service.auth.v3 and
envoy.service.ratelimit.v3 of that package.
"""

from __future__ import annotations

from typing import Any

from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.sidecar.decisions import Decider, Decision, answered
from siphonwatch.streams.sidecar.guard import Tokens
from siphonwatch.streams.sidecar.http import MESSAGES
from siphonwatch.streams.sidecar.metrics import SidecarMetrics

ACCOUNT_KEYS = ("account", "account_id", "siphonwatch")  # of a descriptor's entries
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

    async def start(self, host: str, port: int, credentials: tuple[bytes, bytes, bytes] | None) -> int:
        """Listen; the port. ``credentials`` are key, certificate and the clients' authority, all in PEM."""
        self._server = self._grpc.aio.server(maximum_concurrent_rpcs=1000, options=[("grpc.max_receive_message_length", 1 << 20)])
        for register in self._register:
            register(self, self._server)
        if credentials is None:
            bound = self._server.add_insecure_port(f"{host}:{port}")
        else:
            key, certificate, authority = credentials
            secure = self._grpc.ssl_server_credentials([(key, certificate)], authority, require_client_auth=True)
            bound = self._server.add_secure_port(f"{host}:{port}", secure)
        await self._server.start()
        return int(bound)

    async def stop(self) -> None:
        """Finish what is being answered."""
        await self._server.stop(1.0)

    async def _decide(self, account: str, model: str, context: Any) -> Decision:
        if not self._tokens.accepts_metadata(context.invocation_metadata()):
            self._metrics.refused.labels("unauthorised").inc()
            await context.abort(self._grpc.StatusCode.UNAUTHENTICATED, "show the token of this sidecar")
        return answered(self._decider, self._metrics, account, model)

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        """``envoy.service.auth.v3.Authorization/Check``."""
        headers = request.attributes.request.http.headers
        decision = await self._decide(headers.get(self._header, ""), headers.get("x-model", ""), context)
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
        entries = {entry.key: entry.value for descriptor in request.descriptors for entry in descriptor.entries}
        account = next((entries[key] for key in ACCOUNT_KEYS if key in entries), "")
        decision = await self._decide(account, entries.get("model", ""), context)
        answer = self._rls.RateLimitResponse
        over = decision.action != "allow"
        response = answer(overall_code=answer.OVER_LIMIT if over else answer.OK)
        for _ in request.descriptors:
            response.statuses.add(code=response.overall_code)
        for name, value in decision.headers:
            response.response_headers_to_add.add(key=name, value=value)
        return response
