#!/usr/bin/env bash
# What the tests need beside Python: Kafka's jars, a Java runtime, redis-server, nginx, Caddy, Traefik, Prometheus, Alertmanager, npm,
# Chromium. Only what
# is missing; and no Kafka or Redis where SIPHONWATCH_TEST_KAFKA or SIPHONWATCH_TEST_REDIS names a service to use instead.
set -euo pipefail
cd "$(dirname "$0")/../.."
packages=()
if [ "${1:-}" = venv ]; then # asked before there is a virtual environment: only that
  packages=(python3-venv)
  SIPHONWATCH_TEST_KAFKA=none SIPHONWATCH_TEST_REDIS=none
fi
if [ -z "${SIPHONWATCH_TEST_KAFKA:-}" ]; then
  command -v java >/dev/null || packages+=(default-jre-headless)
  [ -n "$(ls .cache/kafka/kafka_*.jar 2>/dev/null)" ] || command -v mvn >/dev/null || packages+=(maven)
fi
if [ -z "${SIPHONWATCH_TEST_REDIS:-}" ]; then
  command -v redis-server >/dev/null || packages+=(redis-server)
fi
if [ "${1:-}" != venv ]; then
  [ -x /usr/sbin/nginx ] || command -v nginx >/dev/null || packages+=(nginx-light)
  command -v caddy >/dev/null || packages+=(caddy)
  command -v promtool >/dev/null || packages+=(prometheus)
  command -v prometheus-alertmanager >/dev/null || command -v alertmanager >/dev/null || packages+=(prometheus-alertmanager)
  command -v traefik >/dev/null || [ -x .cache/traefik/traefik ] || command -v go >/dev/null || packages+=(golang-go)
  command -v npm >/dev/null || packages+=(npm)
  command -v chromium >/dev/null || packages+=(chromium fonts-dejavu-core)
  command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || packages+=(docker-compose)
fi
if [ ${#packages[@]} -gt 0 ]; then
  as_root=""
  [ "$(id -u)" = 0 ] || as_root="sudo"
  $as_root apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi
if [ -z "${SIPHONWATCH_TEST_KAFKA:-}" ] && [ -z "$(ls .cache/kafka/kafka_*.jar 2>/dev/null)" ]; then
  mkdir -p .cache/kafka
  mvn -q -B -f tests/services/pom.xml dependency:copy-dependencies -DoutputDirectory="$PWD/.cache/kafka"
fi
if [ "${1:-}" != venv ] && ! command -v traefik >/dev/null && [ ! -x .cache/traefik/traefik ]; then # packaged nowhere: built, some minutes, once
  mkdir -p .cache/traefik
  (
    cd .cache/traefik
    version=v3.6.12
    rm -f go.mod go.sum
    go mod init traefik-for-tests 2>/dev/null
    go mod edit -require "github.com/traefik/traefik/v3@$version"
    go mod download "github.com/traefik/traefik/v3@$version"
    # a program that depends on Traefik has to repeat the replacements of Traefik's own go.mod
    sed -n '/^replace (/,/^)/p' "$(go list -m -f '{{.Dir}}' "github.com/traefik/traefik/v3@$version")/go.mod" >>go.mod
    printf '//go:build tools\n\npackage tools\n\nimport _ "github.com/traefik/traefik/v3/cmd/traefik"\n' >tools.go
    go mod tidy 2>/dev/null
    CGO_ENABLED=0 go build -ldflags '-s -w' -o traefik github.com/traefik/traefik/v3/cmd/traefik
  )
fi
