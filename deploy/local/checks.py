"""What is looked at before anything is started, so that a wrong start costs one sentence and leaves nothing behind."""

import os
import random
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from contracts.keys import LOOPBACK_HOSTS, UnreadableKeysError, read_keys
from deploy.local.errors import (
    ForgottenSettingError,
    KeysFileError,
    OldPythonError,
    OpenDoorError,
    PortInUseError,
    TwoKindsOfKeysError,
    UnaskedHostError,
    UnwritableSettingError,
)
from deploy.local.settings import CONTROLLER_PORT, OLDEST_PYTHON, PORTS, REPOSITORY

_BASES = range(20_000, 32_600, 100)  # below Linux' ephemeral ports, so that no outgoing connection takes one meanwhile
# Listened on by nobody: whoever chose a base holds this port of it, so that nobody else chooses it before it is used.
_CLAIM_PORT = 99
# Where the services may listen: readiness is asked at 127.0.0.1.
_HOSTS = ("127.0.0.1", "localhost", "0.0.0.0")
# Supervisor takes these for the end of a value, the beginning of a remark, or nothing at all, however they are quoted.
_NOT_IN_VALUES = re.compile(r"'|\n|\r|\s[#;]|^\"|\"$")
# Kafka takes a comma for the end of one directory, Redis a quotation mark for the end of its own.
_NOT_IN_DIRECTORY = re.compile(r"[,\"]")
# A stack that was told of these is quietly another one when a new shell says nothing of them.
_LASTING = ("MOTCUA_EDGE_INTAKE_KEY_FILE", "MOTCUA_AUDIT_KEY_FILE", "MOTCUA_REFERENCE_DIR")
_claims: dict[int, int] = {}  # file descriptors of sockets, which the system closes at the end


def check_python(version: tuple[int, int]) -> None:
    """OldPythonError when this Python is older than the services need."""
    if version < OLDEST_PYTHON:
        raise OldPythonError(version, OLDEST_PYTHON)


def check_keys(keys_file: Path | None, dev_keys: bool | None, host: str) -> None:
    """TwoKindsOfKeysError when development keys are asked for beside a file of real ones; OpenDoorError when everybody
    in the network could use them."""
    if keys_file is not None and dev_keys:
        raise TwoKindsOfKeysError
    if keys_file is None and dev_keys is not False and host not in LOOPBACK_HOSTS:
        raise OpenDoorError(host)


def check_keys_file(keys_file: Path | None) -> None:
    """KeysFileError when the services could not read their keys: they would never get ready."""
    if keys_file is None:
        return
    try:
        read_keys(keys_file)
    except (OSError, UnreadableKeysError) as error:
        reason = error.strerror or "unreadable" if isinstance(error, OSError) else str(error)
        raise KeysFileError(keys_file, reason) from error


def check_host(host: str) -> None:
    """UnaskedHostError when services that listen there could not be asked whether they are ready."""
    if host not in _HOSTS:
        raise UnaskedHostError(host)


def check_written(directory: Path, told: Mapping[str, str]) -> None:
    """UnwritableSettingError for a setting that would not arrive as it is by the files in which it is handed on."""
    if (found := _NOT_IN_DIRECTORY.search(str(directory))) is not None:
        raise UnwritableSettingError("MOTCUA_STATE_DIR", repr(found[0]))
    for name, value in {**told, "The path of this code": str(REPOSITORY)}.items():
        if (found := _NOT_IN_VALUES.search(value)) is not None:
            raise UnwritableSettingError(name, repr(found[0]))


def check_forgotten(directory: Path, before: Mapping[str, str], told: Mapping[str, str], dev_keys: bool | None) -> None:
    """ForgottenSettingError when a stack had keys or reference files of its own and nothing is said of them now: from a
    new shell it would go on with those that everybody knows."""
    takes_dev_keys = told.get("MOTCUA_DEV_KEYS") == "1"
    if before.get("MOTCUA_DEV_KEYS") == "0" and takes_dev_keys and dev_keys is None:
        name = "MOTCUA_KEYS_FILE" if before.get("MOTCUA_KEYS_FILE") else "MOTCUA_DEV_KEYS"
        raise ForgottenSettingError(directory, name, before[name], "MOTCUA_DEV_KEYS=1 for keys that everybody knows")
    for name in _LASTING:
        if before.get(name) and name not in told and not (takes_dev_keys and name.endswith("_KEY_FILE")):
            raise ForgottenSettingError(directory, name, before[name], f"to nothing ({name}=) to go on without")


def check_ports(host: str, port_base: int, services: Iterable[str]) -> None:
    """PortInUseError for the first port of these services that somebody else listens on."""
    for service in services:
        if service not in PORTS:
            continue
        offsets = [PORTS[service], CONTROLLER_PORT] if service == "kafka" else [PORTS[service]]
        for offset in offsets:
            if not is_free(host, port_base + offset):
                raise PortInUseError(port_base + offset, service, next(_free_bases(host), port_base))


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections that have just ended do not matter to a server (it sets this option too); a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port_base(host: str = "127.0.0.1") -> int:
    """A base, chosen by chance, whose ports are all free now; another process that asks meanwhile is given another.

    It is this process's until it ends or gives it back.
    """
    for base in _free_bases(host):
        claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            claim.bind((host, base + _CLAIM_PORT))
        except OSError:
            claim.close()
            continue
        _claims[base] = claim.detach()
        return base
    raise RuntimeError(f"no free block of ports between {_BASES.start} and {_BASES.stop}")


def give_back(port_base: int) -> None:
    """Lets others choose a base that this process had."""
    os.close(_claims.pop(port_base))


def _free_bases(host: str) -> Iterator[int]:
    offsets = [*PORTS.values(), CONTROLLER_PORT, _CLAIM_PORT]
    for base in random.sample(_BASES, k=len(_BASES)):
        if all(is_free(host, base + offset) for offset in offsets):
            yield base
