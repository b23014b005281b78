"""Apache Kafka: one broker in KRaft mode, from its jars."""

from __future__ import annotations

import base64
import os
import subprocess
import uuid
from collections.abc import Iterable
from pathlib import Path

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from tests.services.process import Program, free_port, listens, wait_until

JARS = Path(__file__).parents[2] / ".cache" / "kafka"
HEAP = ["-Xmx512m", "-Xms128m", "-XX:+UseSerialGC"]


class Broker:
    """A broker that can be stopped and started again on its data."""

    def __init__(self, folder: Path) -> None:
        given = os.environ.get("SIPHONWATCH_TEST_KAFKA")
        self.external = bool(given)
        if given:
            self.servers = given
            return
        assert list(JARS.glob("kafka_*.jar")), "no Kafka jars: run `make services`, or set SIPHONWATCH_TEST_KAFKA=HOST:PORT"
        self.folder, self.port, controller = folder, free_port(), free_port()
        self.servers = f"127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        self.properties = folder / "server.properties"
        self.properties.write_text(
            "process.roles=broker,controller\nnode.id=1\n"
            f"controller.quorum.voters=1@127.0.0.1:{controller}\n"
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}\n"
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}\n"
            "controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            f"log.dirs={folder / 'data'}\n"
            "offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
            "share.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\n"
            "message.max.bytes=4194304\ngroup.min.session.timeout.ms=1000\noffsets.topic.num.partitions=1\ngroup.initial.rebalance.delay.ms=0\nnum.partitions=1\nauto.create.topics.enable=true\n"
        )
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(self.properties))  # it may begin with a dash
        self.start()

    def _command(self, main: str, *arguments: str) -> list[str]:
        return ["java", *HEAP, "-cp", f"{JARS}/*", main, *arguments]

    def _java(self, main: str, *arguments: str) -> None:
        subprocess.run(self._command(main, *arguments), check=True, capture_output=True, timeout=60)

    def start(self) -> None:
        self.program = Program(self._command("kafka.Kafka", str(self.properties)), self.folder / "broker.log")
        wait_until(lambda: listens(self.port), 60, f"the broker to listen\n{self.program.tail()}")

    def stop(self) -> None:
        if not self.external:
            self.program.stop(60)

    def url(self, topic: str) -> str:
        return f"kafka://{self.servers}/{topic}"

    def create(self, topic: str, partitions: int) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.servers)
        try:
            admin.create_topics({topic: {"num_partitions": partitions, "replication_factor": 1}}, wait_for_metadata=True)
        finally:
            admin.close()

    def produce(self, topic: str, records: Iterable[tuple[bytes | None, bytes]], partitions: int | None = None) -> None:
        """Send (key, value); without a key in turn to each partition."""
        producer = KafkaProducer(bootstrap_servers=self.servers, acks="all", linger_ms=20, batch_size=1 << 18, max_request_size=4 << 20)
        sent = []
        for number, (key, value) in enumerate(records):
            sent.append(producer.send(topic, value=value, key=key, partition=number % partitions if key is None and partitions else None))
        producer.flush()
        producer.close()
        for each in sent:
            each.get(timeout=1)  # raises what became of it

    def read(self, topic: str) -> list[bytes]:
        """Every value of a topic."""
        consumer = KafkaConsumer(bootstrap_servers=self.servers, enable_auto_commit=False, auto_offset_reset="earliest")
        values = []
        try:
            tps = [TopicPartition(topic, each) for each in consumer.partitions_for_topic(topic) or ()]
            consumer.assign(tps)
            consumer.seek_to_beginning(*tps)
            ends = consumer.end_offsets(tps)
            while any(consumer.position(tp) < ends[tp] for tp in tps):
                for records in consumer.poll(timeout_ms=500).values():
                    values += [record.value for record in records]
        finally:
            consumer.close()
        return values
