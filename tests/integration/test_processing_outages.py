"""What a worker tells of a broker that falls silent while it waits for the acknowledgement of what it has sent."""

import os
import signal

import pytest

from services.processing.settings import Settings
from tests.conftest import NewProvince
from tests.integration.intake_calls import wait_until
from tests.integration.processing_world import Archive, assert_folded, figures, life, reasons
from tests.province import Service

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(180)]

DOSSIERS = 400
# Long before it gives up, which would begin everything anew.
SAID_WITHIN_SECONDS = Settings.model_fields["processing_delivery_seconds"].default / 4


def test_a_worker_that_waits_for_a_frozen_kafka_says_so_and_goes_on_once_it_is_back(own_province: NewProvince) -> None:
    """Else intake alone would seem to be cut off, and whatever stands behind Kafka be told beside it. Its own patience is
    shorter than the wait: that is bounded by itself."""
    province = own_province()
    stack = province.servers.stack
    assert stack is not None
    kafka = stack.pids["kafka"]
    worker = province.start("processing", MOTCUA_PROCESSING_CHUNK_RECORDS="5", MOTCUA_PROCESSING_PATIENCE_SECONDS="3")
    archive = Archive(province)
    archive.report(*(each for number in range(DOSSIERS) for each in life(f"H57.19753-250701-{number:04}", 1)))
    # What has come in is folded on, and sent to nobody.
    wait_until(lambda: figures(worker)["motcua_processing_queued_records"] > 0)
    os.kill(kafka, signal.SIGSTOP)
    try:
        wait_until(lambda: _unreachable(worker, "kafka") == 1, SAID_WITHIN_SECONDS)
        told = figures(worker)
        assert told["motcua_processing_outstanding_records"] > 0, "it waits for what it has sent"
        assert told["motcua_processing_oldest_unacknowledged_seconds"] > 0
        assert (_unreachable(worker, "redis"), told["motcua_processing_well"]) == (0, 0)
        assert "kafka_unreachable" in reasons(worker)
        wait_until(lambda: figures(worker)["motcua_processing_oldest_unacknowledged_seconds"] > 3 + 5)
    finally:
        os.kill(kafka, signal.SIGCONT)
    wait_until(lambda: reasons(worker) == [] and _unreachable(worker, "kafka") == 0)
    assert_folded(archive)
    assert worker.running


def _unreachable(worker: Service, server: str) -> float | None:
    """None while its loop stands still."""
    return figures(worker).get(f'motcua_processing_unreachable{{server="{server}"}}')
