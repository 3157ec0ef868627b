"""The page of all settings, made from their classes: `.venv/bin/python -m tests.settings_page > docs/SETTINGS.md`."""

from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from contracts.face.logs import LogSettings
from deploy.local.dumps import DumpSettings
from deploy.local.settings import PORTS, StackSettings
from deploy.operators.settings import OperatorSettings
from services.audit.settings import Settings as AuditSettings
from services.edge.settings import Settings as EdgeSettings
from services.intake.settings import Settings as IntakeSettings
from services.metrics.settings import Settings as MetricsSettings
from services.processing.settings import Settings as ProcessingSettings

CLASSES: dict[str, type[BaseSettings]] = {
    "stack": StackSettings,
    "dumps": DumpSettings,
    "operators": OperatorSettings,
    "intake": IntakeSettings,
    "processing": ProcessingSettings,
    "metrics": MetricsSettings,
    "audit": AuditSettings,
    "edge": EdgeSettings,
    "every service": LogSettings,
}

WHAT: dict[str, str] = {
    "port_base": "where the ports of a whole local stack begin",
    "state_dir": "where a local stack keeps data, logs and pid files; wiped whole or not at all",
    "clock": "`wall`: processing appends ticks; `log`: `POST /v1/clock` alone does; fixed when the archive is opened",
    "host": "the address that the services listen on",
    "keys_file": 'hashed keys: `{"keys": [{"name", "sha256", "codes", "operator"}]}`, read again when it changes',
    "dev_keys": "`1` takes `dev-<code>`, `dev-edge` and `dev-operator`; for 127.0.0.1 alone, excludes a keys file",
    "ready_within_seconds": "how long `make up` waits for each process",
    "watch_seconds": "pause between two looks of a local stack's Prometheus",
    "kafka": "Kafka's address; without one, port base + 92 on this machine",
    "redis": "Redis' address; without one, port base + 79 on this machine",
    "live_gen": "the generation whose figures are shown and which appends ticks",
    "gen": "the generation that a process is of, if not the fold's own (processing) or the live one (metrics)",
    "metrics_beside": "`1`: the worker counts once more, beside the counters that are shown",
    "dumps_every_seconds": "from one dump of Redis to the next",
    "dumps_kept_max": "dumps that are kept, the newest ones",
    "reference_dir": "units, departments, procedures, calendar; where units lie on the board's map",
    "replication_factor": "of the topics that the operators' tool makes",
    "kafka_within_seconds": "how long the operators' tool waits for Kafka",
    "intake_url": "where the operators' tool hands in events again, if not base + 1",
    "operator_key": "the operators' tool's key at processing; without it and its file `dev-operator`",
    "operator_key_file": "a file with that key alone, where it is not set",
    "events_key": "the operators' tool's key at intake, for the centres; without it and its file `dev-<code>` of each",
    "events_key_file": "a file with that key alone, where it is not set",
    "fault": "for tests: `exit_before_commit:<n>` ends a worker as its n-th commit is about to be stored",
    "metrics_url": "where audit reads the metrics API",
    "intake_port": "the port, if not base + 1",
    "intake_batch_events_max": "events in one request",
    "intake_body_bytes_max": "bytes of a body, unpacked",
    "intake_event_bytes_max": "bytes of one event",
    "intake_body_seconds": "how long a body may take to arrive",
    "intake_requests_in_flight_max": "requests worked on at once; bodies of one key come in at half of them",
    "intake_requests_waiting_max": "requests waiting for their turn",
    "intake_turn_seconds": "how long one waits for its turn, then 503",
    "intake_events_in_flight_max": "events that Kafka has not acknowledged yet, then 503",
    "intake_quota_events_per_second": "steady rate of one key",
    "intake_quota_burst_events": "burst of one key",
    "intake_delivery_seconds": "how long Kafka may take to acknowledge",
    "intake_answer_seconds": "when an answer is given at the latest",
    "intake_linger_ms": "how long the producer gathers",
    "intake_recheck_seconds": "pause between two looks at the archive",
    "intake_kafka_call_seconds": "bound of one call to Kafka",
    "processing_port": "the API's port, if not base + 2",
    "processing_worker_port": "the worker's own door, if not base + 12",
    "processing_chunk_records": "reported records in one commit of a partition",
    "processing_slice_dossiers": "dossiers in one commit within a tick or activation",
    "processing_cache_dossiers": "dossiers kept in memory",
    "processing_gather_ms": "how long a batch gathers after its first record",
    "processing_session_seconds": "after this silence the group takes a worker's partitions away",
    "processing_delivery_seconds": "how long Kafka may take to acknowledge; then the worker ends uncommitted",
    "processing_call_seconds": "bound of one call to Kafka or Redis",
    "processing_patience_seconds": "how long Kafka or Redis may be gone before the worker ends, to be started anew",
    "processing_watch_seconds": "pause between two looks at ownership in Redis",
    "processing_lag_commit_seconds": "pause between two commits of offsets, which only show the lag",
    "processing_rejected_percent_max": "share of rejected events from which a partition stands still; 100: never",
    "processing_rejected_window_records": "the last events of a partition that the share is taken of, at least",
    "processing_queue_mib": "what the consumer fetches ahead",
    "processing_page_rows": "rows on a page of a worklist, of `/v1/rejected` and `/v1/parked`",
    "processing_page_scan_records": "dead letters looked at for one page, or one piece of `/v1/rejected/groups`",
    "metrics_port": "the API's port, if not base + 3",
    "metrics_worker_port": "the worker's own door, if not base + 13",
    "metrics_flush_seconds": "pause between two looks at what waits to be stored",
    "metrics_backlog_records": "counted and unstored records above which storing waits for more",
    "metrics_gather_records": "counted and unstored records at which a backlog is stored",
    "metrics_pending_records_max": "counted and unstored records at which nothing more is read",
    "metrics_backlog_seconds": "in a backlog, stored at least this often",
    "metrics_memo_pieces": "pieces of lifecycle records remembered by their bytes",
    "metrics_fetch_bytes": "what one fetch of a partition brings at most",
    "metrics_session_seconds": "after this silence the group takes a worker's partitions away",
    "metrics_call_seconds": "bound of one call to Kafka or Redis",
    "metrics_patience_seconds": "how long Redis or Kafka may be gone before the worker ends, to be started anew",
    "metrics_watch_seconds": "pause between two looks at ownership in Redis",
    "metrics_heartbeat_old_seconds": "age from which a centre's heartbeat says nothing about now: its line is `unknown`",
    "metrics_silence_working_minutes": "a unit's own working time without an event after which it is `silent`",
    "metrics_silence_units": "units with a rhythm of their own, in minutes: `20050=480,19753=60`; no deadline goes by it",
    "metrics_worklists_url": "where browsers reach processing's API; without one, port base + 2 of the board's own host",
    "metrics_lag_commit_seconds": "pause between two commits of offsets, which only show the lag",
    "audit_answer_seconds": "bound of one answer of Redis or the API",
    "audit_silence_seconds": "how long a log may bring nothing before its end",
    "audit_rebuilding_seconds": "how long audit waits for a metrics service that is rebuilding",
    "audit_attempts_max": "attempts at an answer of a moving system",
    "audit_letters_seconds": "how long `verify` waits for dead letters whose lifecycle records are there",
    "audit_attempt_pause_seconds": "pause between two attempts",
    "audit_batch_records": "records read at once",
    "audit_queue_kib": "what the consumer fetches ahead",
    "audit_days_max": "days whose answers one look of the audit service compares, in turn; `verify` takes all",
    "audit_units_max": "units whose fields, channels and days one look of the service compares, in turn",
    "audit_sample_dossiers": "dossiers that are derived from nothing",
    "audit_sample_asked_max": "of these, how many one look of the service asks processing about, in turn",
    "audit_seed": "chooses the sample; without one, by chance, and told",
    "audit_every_seconds": "from the end of one look of the service to the next",
    "audit_again_seconds": "the same after a look that came to no verdict, if that is shorter",
    "audit_records_max": "reported records that audit may remember, at 12 bytes each and 12 more with a sequence",
    "audit_resent_records": "records of each partition that are held against what is sent again, up to 64 bytes each",
    "audit_given_up": "numbers of events that are lost for good, listed from then on: `/units/19753@incarnation=7-9,…`",
    "audit_disks": "places whose free room audit tells: `name=/directory,name=/directory`",
    "audit_port": "the audit service's port, instead of port base + 5",
    "audit_key": "the operator's key for processing's API; development keys need none",
    "audit_key_file": "a file with that key alone, instead of it",
    "processing_url": "where audit and the operators' tool read processing's API",
    "edge_port": "the port, if not base + 4",
    "edge_unit": "the centre's own code: heartbeats speak for it from the start; with development keys, the only one taken",
    "edge_intake_url": "where intake is; without one, port base + 1 on this machine",
    "edge_intake_key_file": "a file with the key that the edge shows to intake; read again when it was refused",
    "edge_store_dir": "the outbox' directory, on a local disk; without one, `edge` in the state directory",
    "edge_high_water_file": "shows that the store is an older copy; outside that directory, not in its back-ups",
    "edge_signing_key_file": "the key that signs exported files, if not `edge.signing-key` in the state directory",
    "edge_batch_events_max": "events in one request",
    "edge_body_bytes_max": "bytes of a body, unpacked",
    "edge_event_bytes_max": "bytes of one event; what is added must still fit through intake's door",
    "edge_body_seconds": "how long a body may take to arrive",
    "edge_requests_in_flight_max": "requests worked on at once; bodies of one key come in at half of them",
    "edge_requests_waiting_max": "requests waiting for their turn",
    "edge_turn_seconds": "how long one waits for its turn, then 503",
    "edge_commit_kib": "what requests that share one commit bring along together",
    "edge_waiting_kib": "what requests that wait for the disk may bring along together; more is told 503 `too_busy` at once",
    "edge_store_seconds": "how long the disk may take, then 503",
    "edge_outbox_events_max": "events in the outbox, quarantine included; then it is full",
    "edge_outbox_mib": "bytes of these events; then it is full",
    "edge_outbox_age_max_seconds": "how long the first event that waits may do so; then it is full",
    "edge_outbox_sources_max": "sources of one incarnation",
    "edge_receipts_events_max": "delivered events whose receipts the edge keeps; 0: none",
    "edge_alarm_percent_max": "how full without alarm",
    "edge_reserve_kib": "room held back, with which a full disk still takes deliveries",
    "edge_send_batch_events_max": "events in one request to intake",
    "edge_send_body_bytes_max": "bytes of such a request, before it is packed",
    "edge_send_requests_max": "requests to intake under way on a good line; a slow one has one",
    "edge_send_target_seconds": "what a request to intake should take: batches shrink and grow towards it",
    "edge_window_events_max": "events read ahead of what was delivered",
    "edge_held_events_max": "beyond these: events kept apart while intake takes others and not them; then the line waits",
    "edge_connect_seconds": "how long a connection to intake may take",
    "edge_answer_seconds": "how long intake's answer may take",
    "edge_back_off_first_seconds": "the longest wait after a first failure, doubled with each",
    "edge_back_off_most_seconds": "the longest wait of all",
    "edge_retry_after_most_seconds": "the longest wait that intake may ask for",
    "edge_heartbeat_seconds": "pause between two heartbeats",
    "edge_requeue_seconds": "when `unknown_unit`, `unit_not_allowed` and `time_out_of_range` are tried again by themselves",
    "log_format": "`json`: one object a line; `text`: for eyes",
    "log_level": "of our own lines; `debug` has one for each event at each stage",
}

# What is read by tools, tests and compose alone, so that no settings class has it: who reads it, what it says.
OF_TOOLS: dict[str, tuple[str, str]] = {
    "MOTCUA_LOAD_HOSTS": ("load lab", "hosts that load may go to beside this machine, by commas"),
    "MOTCUA_LAB_KEYS_FILE": ("load lab, replay", "a file of plain keys, name -> key; without one, the development keys"),
    "MOTCUA_TOXIPROXY": ("load lab, faults", "a `toxiproxy-server`, if not the one on PATH or the one that Go builds"),
    "MOTCUA_GRAFANA_TOKEN": ("load lab", "an editor's token, with which `annotate` marks a run"),
    "MOTCUA_SCENARIO": ("compose", "the scenario of `docker compose run --rm load`, one without faults; `nation`"),
    "MOTCUA_INTAKE_PORT": ("compose", "this machine's port of intake; 8001"),
    "MOTCUA_PROCESSING_PORT": ("compose", "of processing's API; 8002"),
    "MOTCUA_METRICS_PORT": ("compose", "of the metrics API and the board; 8003"),
    "MOTCUA_EDGE_PORT": ("compose", "of the outbox beside the city; 8004"),
    "MOTCUA_AUDIT_PORT": ("compose", "of audit; 8005"),
    "MOTCUA_PROMETHEUS_PORT": ("compose", "of Prometheus; 9090"),
    "MOTCUA_ALERTMANAGER_PORT": ("compose", "of Alertmanager; 9091"),
    "MOTCUA_GRAFANA_PORT": ("compose", "of Grafana; 3000"),
    "MOTCUA_COMMIT": ("compose, every service", "the commit of a build, shown beside its version as a release in Grafana"),
    "MOTCUA_KAFKA_HEAP": ("compose", "the heap of Kafka's Java; `768m`, in a container of 2 GiB"),
    "MOTCUA_AUDIT_MEMORY": ("compose", "the bound of audit's memory, and of `verify`'s; `2g`"),
    "MOTCUA_OPERATORS_MEMORY": ("compose", "the bound of the operators' tool; `1g`"),
    "MOTCUA_REDIS_MAXMEMORY": ("compose", "the bytes at which Redis refuses writes; `3gb`"),
    "MOTCUA_PROMETHEUS_MEMORY": ("compose", "the bound of Prometheus' memory; `1g`"),
    "MOTCUA_REDIS_MEMORY": ("compose", "the bound of Redis' container, a third above; `4g`"),
    "MOTCUA_PROMETHEUS_URL": ("Grafana", "where it finds Prometheus; compose says it"),
    "MOTCUA_KAFKA": ("tests", "a Kafka for tests, which they **empty**; one that holds an archive of no test is refused"),
    "MOTCUA_REDIS": ("tests", "a Redis for tests, whose database they **empty**; both are named, or neither"),
    "MOTCUA_CHROMIUM": ("tests", "a Chromium, if it is not found by itself"),
    "MOTCUA_PICTURES": ("tests", "`1`: tests that draw the board and the dashboards write docs/pictures"),
    "MOTCUA_PICTURES_OF": ("tests", "the address of a board that runs already, to be pictured"),
    "MOTCUA_PICTURES_PROMETHEUS": ("tests", "the Prometheus of a demo that runs already, to be drawn as dashboards"),
    "MOTCUA_TEST_NO_BROWSER": ("tests", "`1` leaves out what wants a Chromium, and says so"),
    "MOTCUA_TEST_NO_PROMETHEUS": ("tests", "`1` leaves out what wants Prometheus' programs, and says so"),
    "MOTCUA_TEST_NO_ENGINE": ("tests", "`1` leaves out what wants a Docker engine, and says so"),
    "MOTCUA_TEST_NO_WIRES": ("tests", "`1` leaves out what wants root for network namespaces, and says so"),
    "MOTCUA_TEST_NO_GRAFANA": ("tests", "`1`: containers are tried without Grafana"),
    "MOTCUA_TEST_IMAGE_BUILT": ("tests", "`1`: the image is there already and not built"),
    "MOTCUA_TEST_QUICK": ("tests", "fewer generated cases; `make test-fast` sets it"),
    "MOTCUA_TEST_FULL": ("tests", "more generated cases, faults in full; `make test-all` sets it"),
}

BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}

PREFACE = """# Settings

Every setting is an environment variable; the defaults suit one machine, and an empty one is as one that is not set.
`make up` passes all `MOTCUA_…` variables on to the processes that it starts, but for four: its own Kafka and Redis are what
it starts, whatever `MOTCUA_KAFKA` and `MOTCUA_REDIS` say ([why](decisions/0004-local-stack.md)), and its generations what
its state directory says, whatever `MOTCUA_GEN` and `MOTCUA_LIVE_GEN` do ([how](GENERATIONS.md)). Traces have
OpenTelemetry's own variables ([which](LOGS_AND_TRACES.md)). This page is made from the settings classes
(`.venv/bin/python -m tests.settings_page > docs/SETTINGS.md`), and a test fails when they differ.
"""

TOOLS_PREFACE = """## What tools, tests and compose read

Compose reads them before a command, or for good from a file `.env` beside `docker-compose.yml`; those of the first table
that it passes on stand there as `${…}`. A local stack places all of its ports by `MOTCUA_PORT_BASE`.
"""


def page() -> str:
    """docs/SETTINGS.md."""
    lines = [PREFACE, "## Ports of a local stack", "", "| process | port |", "|---|---|"]
    lines += [
        f"| {name} | `MOTCUA_PORT_BASE` + {offset} |" for name, offset in sorted(PORTS.items(), key=lambda row: row[1])
    ]
    lines += ["", "## Variables", "", "| variable | default | bounds | used by | what it says |", "|---|---|---|---|---|"]
    for name, (field, users) in rows().items():
        cells = (_shown(name, field.default), _bounds(field), ", ".join(users), WHAT[name])
        lines.append(f"| `MOTCUA_{name.upper()}` | {' | '.join(cells)} |")
    lines += ["", TOOLS_PREFACE, "| variable | read by | what it says |", "|---|---|---|"]
    lines += [f"| `{name}` | {reader} | {what} |" for name, (reader, what) in OF_TOOLS.items()]
    return "\n".join(lines) + "\n"


def rows() -> dict[str, tuple[FieldInfo, list[str]]]:
    """Each setting as its class has it, and the parts that read it."""
    found: dict[str, tuple[FieldInfo, list[str]]] = {}
    for part, model in CLASSES.items():
        for name, field in model.model_fields.items():
            found.setdefault(name, (field, []))[1].append(part)
    return found


def _bounds(field: FieldInfo) -> str:
    said = ((sign, getattr(each, name, None)) for each in field.metadata for name, sign in BOUNDS.items())
    return ", ".join(f"{sign} {bound:,.12g}" for sign, bound in said if bound is not None)


def _shown(name: str, default: Any) -> str:
    if name == "reference_dir":
        return "`deploy/reference`"
    return "" if default is None or default == "" else f"`{int(default) if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    print(page(), end="")
