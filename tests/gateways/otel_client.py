"""An instrumented client: run by the peers' Python, as an application would be. Exports its spans and log events over OTLP/HTTP."""

import contextlib
import sys

from openai import OpenAI, RateLimitError
from opentelemetry import _logs, trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

model_url, collector = sys.argv[1:3]
resource = Resource.create({"service.name": "shop", "enduser.id": "acct_otel"})
tracers, logs = TracerProvider(resource=resource), LoggerProvider(resource=resource)
tracers.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{collector}/v1/traces")))
logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{collector}/v1/logs")))
trace.set_tracer_provider(tracers)
_logs.set_logger_provider(logs)
OpenAIInstrumentor().instrument()
client = OpenAI(base_url=model_url, api_key="sk-none", max_retries=0)
turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a lighthouse?"}]
client.chat.completions.create(model="large", messages=turns, temperature=0.2, max_tokens=4096)
for _ in client.chat.completions.create(model="large", messages=turns, stream=True, stream_options={"include_usage": True}):
    pass
with contextlib.suppress(RateLimitError):
    client.chat.completions.create(model="large", messages=[{"role": "user", "content": "slow down"}])
tracers.shutdown()
logs.shutdown()
