"""The reader of processing over HTTP: what it answers about a dossier, reduced to what can be derived."""

import json
from typing import Any
from urllib.parse import quote

from services.audit.archive import CouldNotRunError
from services.audit.domain.derivation import Answered
from services.audit.door import Door
from services.audit.settings import Settings


class Dossiers:
    """One kept connection to processing's API."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._door = Door("processing", settings.dossiers_url, settings.audit_answer_seconds)
        self._is_refused = False
        self._key: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a key that may open this door; CouldNotRunError when the file of one cannot be read."""
        if self._key is None:
            try:
                self._key = self._settings.dossiers_key
            except (OSError, ValueError) as error:
                raise CouldNotRunError(
                    f"the key in {self._settings.audit_key_file} (MOTCUA_AUDIT_KEY_FILE) cannot be read: {error}"
                ) from error
        return self._key is not None and not self._is_refused

    def ask(self, partition: int, code: str) -> Answered | None:
        """What processing answers about a dossier now; None when it cannot say at the moment."""
        status, body = self._get(f"/v1/dossiers/{quote(code)}")
        if status == 503:
            return None
        if status in (401, 403) and not self._settings.has_given_key:
            # Nobody gave a key, and the development one is not taken here: then these answers are not compared.
            self._is_refused = True
            return None
        if status in (401, 403):
            # Its file may hold another one by the next look: keys are exchanged while audit runs.
            self._key = None
        if status not in (200, 404, 410):
            raise CouldNotRunError(f"processing at {self._settings.dossiers_url} answered {status} about a dossier")
        try:
            as_of = int(body["as_of"]["partitions"][str(partition)])
            return Answered(as_of, status, _told(body) if status == 200 else {})
        except (LookupError, TypeError, ValueError) as error:
            where = f"processing at {self._settings.dossiers_url}"
            raise CouldNotRunError(f"{where} answered about a dossier in another form than is agreed: {error!r}") from error

    def close(self) -> None:
        """Ends the connection."""
        self._door.close()

    def _get(self, path: str) -> tuple[int, dict[str, Any]]:
        status, body = self._door.get(path, {"Authorization": f"Bearer {self._key}"})
        try:
            return status, json.loads(body or b"{}")
        except ValueError as error:
            raise CouldNotRunError(f"processing at {self._settings.dossiers_url} answered no JSON") from error


_PLAIN = (
    "state", "state_detail", "procedure", "field", "channel", "receiver", "competent", "due_original", "due_current",
    "acceptance_due", "overdue", "due_in_24h", "due_in_72h", "acceptance_overdue",
)  # fmt: skip


def _told(body: dict[str, Any]) -> dict[str, object]:
    told: dict[str, object] = {name: body[name] for name in _PLAIN}
    told["history"] = {step["offset"]: (step["fact"], step["timeliness"], step["late"]) for step in body["history"]}
    told["misfits"] = {misfit["offset"]: misfit["standing"] for misfit in body["misfits"]}
    for name in ("annulled", "annulments", "repeats"):
        told[name] = {event["offset"] for event in body[name]}
    return told
