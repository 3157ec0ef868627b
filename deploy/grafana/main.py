"""`make dashboards`: writes every dashboard as Grafana reads it; the same code gives the same bytes."""

import json
import sys
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana import city, flow, loadrun, reliability, unit

FOLDER: Final = Path(__file__).parent / "dashboards"
PAGES: Final = {
    "city": city.dashboard,
    "unit": unit.dashboard,
    "flow": flow.dashboard,
    "reliability": reliability.dashboard,
    "load": loadrun.dashboard,
}


def generated() -> dict[str, str]:
    """File name -> its text, of every dashboard."""
    return {
        f"{name}.json": json.dumps(build().build(), cls=JSONEncoder, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
        for name, build in PAGES.items()
    }


def main() -> int:
    """Writes what is generated, removes what is no longer."""
    FOLDER.mkdir(exist_ok=True)
    texts = generated()
    for former in FOLDER.glob("*.json"):
        if former.name not in texts:
            former.unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text)
        print(f"  {FOLDER.name}/{name:<17} {text.count(chr(10)):>6,} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
