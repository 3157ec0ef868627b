"""Kafka's jars, fetched once per user: resolved by jgo, checked against the pinned sums, moved into place in one step."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import DownloadError

KAFKA_VERSION = "4.3.1"
# `kafka-clients` is named because the resolver would take an older one from a dependency; slf4j-simple writes the log.
ENDPOINT = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
    f"+org.apache.kafka:kafka-clients:{KAFKA_VERSION}"
    "+org.slf4j:slf4j-simple:1.7.36"
)
PINNED = Path(__file__).with_name("kafka-jars.sha256")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
FETCH_TIMEOUT_SECONDS = 300.0
ATTEMPTS = 3

Say = Callable[[str], None]
Fetch = Callable[[Path], None]


def cache_directory() -> Path:
    """Where downloads are kept for this user, outside every state directory."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "motcua"


def pinned_sums() -> dict[str, str]:
    """Jar name → SHA-256 of every jar of the class path."""
    rows = (line.split() for line in PINNED.read_text().splitlines())
    return {name: digest for digest, name in rows}


def faults(directory: Path, sums: dict[str, str]) -> list[str]:
    """Names of the jars that are missing from a directory, are not the pinned ones, or are pinned by nobody."""
    wrong = [name for name, digest in sums.items() if _sum(directory / name) != digest]
    # The class path takes every jar that lies there.
    return wrong + sorted({each.name for each in directory.glob("*.jar")} - sums.keys())


def ensure_jars(say: Say, cache: Path | None = None, fetch: Fetch | None = None) -> Path:
    """The directory of the complete jars; fetches them when they are not there, repairs them when some are damaged.

    A download lands in a temporary directory beside the final one and is renamed when every sum is right: what stands
    under the final name is complete or was damaged later. DownloadError after three attempts.
    """
    root = cache or cache_directory()
    final = root / f"kafka-{KAFKA_VERSION}"
    sums = pinned_sums()
    root.mkdir(parents=True, exist_ok=True)
    with _only_one(root / "jars.lock"):
        bad = faults(final, sums)
        if not bad:
            return final
        if final.exists():
            say(f"Kafka's jars in {final} are not those that are pinned (the first: {bad[0]}): fetching them again.")
        else:
            say(f"Fetching Apache Kafka {KAFKA_VERSION} ({len(sums)} jars, 43 MB, once per user) into {final}")
        for leftover in root.glob(f"{final.name}.part-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        _fetch_checked(root, final, sums, fetch or _fetch_with_jgo)
    return final


def _fetch_checked(root: Path, final: Path, sums: dict[str, str], fetch: Fetch) -> None:
    reason = ""
    for _attempt in range(ATTEMPTS):
        part = Path(tempfile.mkdtemp(prefix=f"{final.name}.part-", dir=root))
        try:
            fetch(part)
            if bad := faults(part, sums):
                reason = f"{len(bad)} jars arrived incomplete or are not among the {len(sums)} that are pinned ({bad[0]})"
                continue
            if final.exists():
                shutil.rmtree(final)
            part.rename(final)
            return
        except (subprocess.SubprocessError, OSError) as error:
            reason = str(error)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    raise DownloadError(
        f"Apache Kafka {KAFKA_VERSION} could not be fetched from Maven Central ({reason}): "
        f"look at the network or proxy, then run the same command again."
    )


def _fetch_with_jgo(directory: Path) -> None:
    # A process of its own: jgo takes its repository from the environment, and has no limit in time.
    repository = directory / ".m2"
    done = subprocess.run(
        [sys.executable, "-m", "deploy.local.jars", str(directory)],
        env={**_system_certificates(), **os.environ, "M2_REPO": str(repository)},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=FETCH_TIMEOUT_SECONDS,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise OSError(lines[-1][:300])
    shutil.rmtree(repository, ignore_errors=True)


def _system_certificates() -> dict[str, str]:
    # A machine that has certificates of its own (a company's proxy, say) is to be believed; the client brings others.
    return {"REQUESTS_CA_BUNDLE": str(CERTIFICATES)} if CERTIFICATES.exists() else {}


def _resolve(directory: Path) -> None:
    import jgo

    environment = directory / ".jgo"
    _copy_pinned([Path(jar) for jar in jgo.build(ENDPOINT, cache_dir=environment).all_jars], directory)
    shutil.rmtree(environment, ignore_errors=True)


def _copy_pinned(found: Iterable[Path], directory: Path) -> None:
    """Whatever else a dependency of a dependency has brought runs nowhere."""
    sums = pinned_sums()
    for jar in found:
        if jar.name in sums:
            shutil.copyfile(jar, directory / jar.name)


def _sum(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    # Two stacks may start at once on a fresh machine: the second waits and finds the jars there.
    with lock.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    _resolve(Path(sys.argv[1]))
