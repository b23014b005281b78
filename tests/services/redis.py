"""A real redis-server, with its data on disk so that it can be stopped and started again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import redis

from tests.services.process import Program, free_port, wait_until


class RedisServer:
    """A server of one test session, or the one that ``SIPHONWATCH_TEST_REDIS`` names."""

    def __init__(self, folder: Path, fsync: str = "always") -> None:
        self.fsync = fsync
        given = os.environ.get("SIPHONWATCH_TEST_REDIS")
        self.external = bool(given)
        if given:
            self.url = given
            return
        assert shutil.which("redis-server"), "no redis-server: run `make services`, or set SIPHONWATCH_TEST_REDIS=redis://HOST:PORT/0"
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        self.launch()
        wait_until(self.answers, 20, "redis-server to answer")

    def launch(self, *options: str) -> None:
        """Start it, and do not wait for it to answer."""
        self.program = Program(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--appendonly", "yes",
             "--appendfsync", self.fsync, "--save", "", "--enable-protected-configs", "yes", *options],
            self.folder / "redis.log",
        )  # fmt: skip

    def answers(self) -> bool:
        try:
            return bool(redis.Redis.from_url(self.url).ping())
        except redis.RedisError:
            return False

    def stop(self) -> None:
        if not self.external:
            self.program.stop()

    def remember(self) -> None:
        """Keep the append-only file as it is now."""
        shutil.rmtree(self.folder / "remembered", ignore_errors=True)
        shutil.copytree(self.folder / "appendonlydir", self.folder / "remembered")

    def fall_back(self) -> None:
        """Die without a word, and be back at once as of the moment that was remembered."""
        self.program.kill()
        shutil.rmtree(self.folder / "appendonlydir")
        shutil.move(self.folder / "remembered", self.folder / "appendonlydir")
        self.start()

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)


class ClusterNode:
    """A node of a Redis Cluster, by itself the whole of it."""

    def __init__(self, folder: Path, slots: bool = True) -> None:
        assert shutil.which("redis-server"), "no redis-server: run `make services`"
        self.port, self.bus = free_port(), free_port()
        self.program = Program(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
             "--cluster-enabled", "yes", "--cluster-port", str(self.bus), "--cluster-announce-ip", "127.0.0.1"],
            folder / "redis.log",
        )  # fmt: skip
        client = redis.Redis(port=self.port)

        def ready() -> bool:
            try:
                if not slots:
                    return bool(client.ping())
                if client.cluster("info")["cluster_slots_assigned"] == "0":
                    client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
                return bool(client.cluster("info")["cluster_state"] == "ok")
            except redis.RedisError:
                return False

        wait_until(ready, 20, "the cluster to own its slots")


class Cluster:
    """Some nodes that know each other, each with its share of the slots."""

    def __init__(self, folder: Path, size: int) -> None:
        bounds = [16384 * number // size for number in range(size + 1)]
        self.nodes = []
        for number in range(size):
            (folder / str(number)).mkdir()
            self.nodes.append(ClusterNode(folder / str(number), slots=False))
        self._starts = bounds[:-1]
        for client, start, end in zip(self.clients(), bounds, bounds[1:], strict=False):
            client.execute_command("CLUSTER ADDSLOTSRANGE", start, end - 1)
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", self._starts.index(start) + 1)
        for node in self.nodes[1:]:
            self.clients()[0].execute_command("CLUSTER MEET", "127.0.0.1", node.port, node.bus)
        self.url = f"redis+cluster://127.0.0.1:{self.nodes[0].port}"

        def whole() -> bool:
            known = [client.cluster("info") for client in self.clients()]
            return all(each["cluster_state"] == "ok" and each["cluster_known_nodes"] == str(size) for each in known)

        wait_until(whole, 20, "the nodes to know each other")

    def clients(self) -> list[redis.Redis]:
        """A connection to each node."""
        return [redis.Redis(port=node.port) for node in self.nodes]

    def owner(self, tag: str) -> int:
        """On which node keys with this hash tag are."""
        slot = int(self.clients()[0].execute_command("CLUSTER KEYSLOT", f"{{{tag}}}"))
        return sum(start <= slot for start in self._starts) - 1

    def stop(self) -> None:
        for node in self.nodes:
            node.program.stop()
