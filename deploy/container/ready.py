"""A container's health check: `python -m deploy.container.ready 8001` asks /readyz and says why not."""

import json
import sys
from urllib.error import HTTPError, URLError

from contracts import direct

ANSWER_SECONDS = 3.0
SHOWN_CHARS_MAX = 500


def main() -> int:
    """Exit status 0 when the service of this container answers that it can do its job."""
    url = f"http://127.0.0.1:{int(sys.argv[1])}/readyz"
    try:
        with direct.OPENER.open(url, timeout=ANSWER_SECONDS) as answer:
            json.load(answer)
    except HTTPError as error:
        print(error.read(SHOWN_CHARS_MAX).decode(errors="replace"))
        return 1
    except (URLError, OSError, ValueError) as error:
        print(f"no answer: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
