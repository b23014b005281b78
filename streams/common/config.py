"""Settings of the program: from the command line, ``SIPHONWATCH_…`` variables, or a TOML file; in that order of weight."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from siphonwatch.detector.settings import DEFAULT, Settings
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.secret import SecretUrl


class _FlatToml(TomlConfigSettingsSource):
    """A TOML file whose tables only group: ``[privacy] account_key`` is the setting ``privacy_account_key``."""

    def __call__(self) -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for name, value in super().__call__().items():
            if isinstance(value, dict):
                flat |= {f"{name}_{inner}": each for inner, each in value.items()}
            else:
                flat[name] = value
        return flat


def _option(name: str) -> dict[str, Any]:
    """What a command calls a setting whose own name would be long-winded there."""
    return {"option": name}


class Config(BaseSettings):
    """Every setting once: options, variables, the TOML file, ``--help`` and the configuration page are made from this class."""

    model_config = SettingsConfigDict(env_prefix="SIPHONWATCH_", extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)

    source: SecretUrl = Field(SecretUrl(""), description="where requests come from: kafka://HOST:PORT/TOPIC, or file:///PATH")
    store: SecretUrl = Field(
        SecretUrl("redis://127.0.0.1:6379/0"), description="where states live: redis://, rediss://, unix:// or memory://"
    )
    format: str = Field("auto", description="log format of the records; auto recognises each by itself")
    mapping: Path | None = Field(None, description="TOML file that says where any other JSON log holds what")
    account_fields: str = Field("", description="keys of custom metadata that name the account, comma separated, before the usual ones")
    privacy_account_key: SecretStr = Field(SecretStr(""), description="secret that account ids are hashed with at the door; empty for none")
    privacy_hash_key: SecretStr = Field(
        SecretStr(""),
        description="secret that addresses, payments, organisations and agents are hashed with; empty: the store makes one and keeps it",
    )
    prior: Path | None = Field(None, description="prior made by `siphonwatch train`; the shipped one where none is named")
    shadow_prior: Path | None = Field(None, description="second prior that judges beside the first; where they differ is told")
    group: str = Field("siphonwatch", description="Kafka consumer group; its members share the partitions")
    prefix: str = Field("siphonwatch", description="first part of every Redis key")
    verdict_topic: str = Field("siphonwatch.verdicts", description="Kafka topic for changed verdicts; empty for none")
    dead_letter_topic: str = Field("siphonwatch.dead-letters", description="Kafka topic for refused records; empty for none")
    findings: Path | None = Field(None, description="file that findings are appended to, one JSON object a line")
    findings_format: Literal["native", "ocsf", "ecs", "cef", "stix"] = Field(
        "native", description="how findings are written to the file and the webhook"
    )
    sinks: SecretUrl = Field(
        SecretUrl(""), description="further sinks by URL, comma separated: log:, file:, syslog:, splunk+https:, …, or an added package's"
    )
    webhook_url: SecretUrl = Field(SecretUrl(""), description="http(s) address that findings are posted to; empty for none")
    webhook_secret: SecretStr = Field(SecretStr(""), description="secret that they are signed with (Standard Webhooks)")
    http_host: str = Field("127.0.0.1", description="address that /metrics, /healthz and /readyz are served on")
    http_port: int = Field(9108, ge=0, le=65535, description="their port; 0 serves nothing")
    session_seconds: float = Field(10.0, ge=1, le=300, description="silence after which Kafka gives a dead worker's partitions to others")
    ttl_days: float = Field(14.0, gt=0, le=365, description="how long Redis keeps what is not touched")
    batch: int = Field(8192, ge=1, le=100_000, description="records taken at once, at most")
    tick_seconds: float = Field(DEFAULT.tick_ms / 1000, ge=1, le=86_400, description="event time between two judgings of an account")
    lateness_seconds: float = Field(
        DEFAULT.lateness_ms / 1000, ge=0, le=86_400, description="how late an event may come and still count in its own tick"
    )
    accounts_most: int = Field(DEFAULT.accounts_most, ge=256, description="accounts that are kept; beyond, the least suspicious are let go")
    ahead_hours: float = Field(
        DEFAULT.ahead_ms / 3.6e6, gt=0, description="an event this far ahead of Kafka's own time of its record is refused"
    )
    behind_hours: float = Field(DEFAULT.behind_ms / 3.6e6, gt=0, description="an event this far behind the log's clock is refused")
    idle_seconds: float = Field(10.0, gt=0, le=3600, description="silence after which a partition read to its end holds no tick back")
    decision_topic: str = Field(
        "requests", description="sidecar: the topic whose accounts are decided on", json_schema_extra=_option("--topic")
    )
    decision_host: str = Field(
        "127.0.0.1", description="sidecar: address that decisions are served on", json_schema_extra=_option("--host")
    )
    decision_port: int = Field(9107, ge=1, le=65535, description="sidecar: their port", json_schema_extra=_option("--port"))
    decision_grpc_port: int = Field(
        0, ge=0, le=65535, description="sidecar: port of Envoy's gRPC services; 0 serves none", json_schema_extra=_option("--grpc-port")
    )
    decision_token: SecretStr = Field(SecretStr(""), description="sidecar: secret that gateways must show; needed beyond loopback, or mTLS")
    decision_tls_cert: Path | None = Field(None, description="sidecar: PEM file of its certificate")
    decision_tls_key: Path | None = Field(None, description="sidecar: PEM file of its key")
    decision_tls_client_ca: Path | None = Field(None, description="sidecar: PEM file of the authority of gateways' certificates")
    decision_account_header: str = Field(
        "x-account-id",
        pattern="^[A-Za-z0-9-]+$",
        description="sidecar: header with the account; authorization takes the key's SHA-256",
        json_schema_extra=_option("--account-header"),
    )
    decision_refresh_seconds: float = Field(1.0, gt=0, le=60, description="sidecar: how often it asks the store for changes")
    decision_stale_seconds: float = Field(30.0, gt=0, le=3600, description="sidecar: silence of the store after which it is stale")
    decision_fail: Literal["open", "closed"] = Field(
        "open", description="sidecar: what it does when stale: open allows, closed refuses", json_schema_extra=_option("--fail")
    )
    decision_dry_run: bool = Field(False, description="sidecar: only count what it would have done", json_schema_extra=_option("--dry-run"))
    decision_rate_limit: float = Field(20_000.0, gt=0, description="sidecar: checks a second, all together, before it answers 503")
    decision_degrade: Literal["none", "watch", "throttle"] = Field(
        "none",
        description="sidecar: level from which answers are degraded: no log-probabilities, one sample, no reasoning, fewer tokens",
        json_schema_extra=_option("--degrade"),
    )
    decision_degrade_tokens: int = Field(1024, ge=1, description="sidecar: tokens that a degraded answer may have, at most")
    throttle_rpm: float = Field(6.0, ge=0, description="sidecar: requests a minute a throttled account keeps for each model; 0 for none")
    desk_host: str = Field("127.0.0.1", description="desk: address that its pages are served on", json_schema_extra=_option("--host"))
    desk_port: int = Field(9110, ge=1, le=65535, description="desk: their port", json_schema_extra=_option("--port"))
    desk_url: str = Field("", description="desk: address that people reach it by, for links in findings; http://HOST:PORT by default")
    desk_tokens: SecretStr = Field(
        SecretStr(""), description="desk: NAME:ROLE:TOKEN, comma separated, of who may sign in; roles are viewer, analyst and admin"
    )
    desk_user_header: str = Field(
        "", pattern="^[A-Za-z0-9-]*$", description="desk: header in which an authenticating proxy names the person; empty for none"
    )
    desk_groups_header: str = Field(
        "X-Forwarded-Groups", pattern="^[A-Za-z0-9-]*$", description="desk: header in which it names the person's groups"
    )
    desk_proxies: str = Field("127.0.0.1,::1", description="desk: addresses, comma separated, whose headers are believed")
    desk_analysts: str = Field("", description="desk: people and groups, comma separated, who may rule; others that the proxy lets in look")
    desk_admins: str = Field("", description="desk: people and groups, comma separated, who may also erase accounts")
    desk_price: float = Field(15.0, ge=0, description="desk: price of a million tokens of answers, for estimates")
    desk_currency: str = Field("USD", pattern="^[A-Za-z$€£¥]{1,5}$", description="desk: its currency")
    report_key: Path | None = Field(None, description="PEM file of the Ed25519 key that reports are signed with; made where there is none")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="least severe log line shown")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, then environment, then the file, then files of secrets."""
        return init_settings, env_settings, _FlatToml(settings_cls), SecretsSettingsSource(settings_cls)

    def detection(self) -> Settings:
        """The detector's settings, with the event-time ones of this configuration."""
        return Settings(
            tick_ms=round(self.tick_seconds * 1000),
            lateness_ms=round(self.lateness_seconds * 1000),
            ahead_ms=round(self.ahead_hours * 3.6e6),
            behind_ms=round(self.behind_hours * 3.6e6),
            accounts_most=self.accounts_most,
        )


def load(file: Path | None, **given: Any) -> Config:
    """The configuration; ``UsageError`` names the first setting that is wrong and what it should be."""
    if file is not None and not file.is_file():
        raise UsageError(f"--config {file} does not exist")

    secrets = (
        os.environ.get("SIPHONWATCH_SECRETS_DIR") or None
    )  # a file a secret, named as the setting: how Kubernetes and Docker mount them
    if secrets is not None and not Path(secrets).is_dir():
        raise UsageError(f"SIPHONWATCH_SECRETS_DIR {secrets} is no folder: it holds a file a secret, such as SIPHONWATCH_decision_token")

    class FromFile(Config):
        model_config = SettingsConfigDict(toml_file=file, secrets_dir=secrets)

    try:
        return FromFile(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        hint = f"known settings are {', '.join(Config.model_fields)}" if first["type"] == "extra_forbidden" else first["msg"]
        raise UsageError(f"setting {name} is wrong: {hint}") from None  # the error behind it quotes what was given
    except ValueError as error:
        raise UsageError(f"--config {file} is not TOML ({error})") from None
