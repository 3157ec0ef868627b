"""What tests want beyond `.venv`: where it is found, how Debian's packages come without root, what is said without them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.local import chromium, debian, debs, golang
from deploy.local.errors import DownloadError
from tests import wanted

REPOSITORY = Path(__file__).resolve().parents[2]
# As apt-get: the machine has lists of its own, or (a file says so) none; what a package needs is what is simulated.
# Without a network new lists are an error only where somebody asks for that, and no package is found.
APT = """
echo "$*" >>{told}
case "$*" in
*Error-Mode=any*update) [ -e {offline} ] && echo "E: Could not resolve the host." >&2 && exit 100 ;;
*update) [ -e {offline} ] && echo "W: Could not resolve the host." >&2 ;;
*Dir::State::Lists*) [ -e {offline} ] && echo "E: Unable to locate package" >&2 && exit 100 ;;
*) [ -e {bare} ] && echo "E: Unable to locate package" >&2 && exit 100 ;;
esac
case "$*" in
*update) ;;
*--simulate*) echo "Inst libneeded1 (1.0 Debian)"; echo "Inst libc6 [2.35] (2.36 Debian)" ;;
*download*) while [ "$1" != download ]; do shift; done; shift; for each in "$@"; do :>"$each.deb"; done ;;
esac
"""
# As dpkg-deb --extract: each package brings a file that bears its name.
DPKG = """
mkdir -p "$3/{place}"
name=$(basename "$2" .deb)
printf '#!/bin/sh\\nenv\\n' >"$3/{place}/$name"
chmod +x "$3/{place}/$name"
"""
TOOLS = ("sh", "cp", "mkdir", "basename", "chmod", "rm", "env")


class Machine:
    """A machine whose PATH has nothing but the plainest tools and a Debian's; `asked` is what apt-get was told."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bin, self.cache = directory / "bin", directory / "cache" / "motcua"
        self.bare, self.offline, self._told = directory / "bare", directory / "offline", directory / "told"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else f"/usr/bin/{tool}")
        self.put("apt-get", APT.format(told=self._told, bare=self.bare, offline=self.offline))
        monkeypatch.setenv("PATH", str(self.bin))
        monkeypatch.setenv("XDG_CACHE_HOME", str(self.cache.parent))
        monkeypatch.setattr(golang, "PLACES", ())

    def brings(self, place: str) -> None:
        """Where each package puts its file."""
        self.put("dpkg-deb", DPKG.format(place=place))

    def put(self, name: str, script: str) -> Path:
        file = self.bin / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        return file

    @property
    def asked(self) -> list[str]:
        return self._told.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_chromium_comes_with_what_it_needs_and_starts_with_it(machine: Machine) -> None:
    """Not with another libc; its libraries and its fonts are those beside it, whatever the machine has."""
    machine.brings("usr/lib/chromium")
    assert chromium.find() is None
    starter = chromium.ensure()
    home = machine.cache / "chromium-debian"
    assert starter == home / "chromium" == chromium.find()
    assert machine.asked[-1].endswith("download chromium chromium-common libneeded1")
    assert {file.name for file in (home / "usr/lib/chromium").iterdir()} == {"chromium", "chromium-common", "libneeded1"}
    told = subprocess.run([starter], capture_output=True, text=True, check=True).stdout
    assert f"FONTCONFIG_FILE={home}/fonts.conf" in told
    assert f"{home}/usr/share/fonts" in (home / "fonts.conf").read_text()
    asked = len(machine.asked)
    assert chromium.ensure() == starter
    assert len(machine.asked) == asked, "once per user"


def test_a_chromium_of_the_machine_comes_first(machine: Machine) -> None:
    installed = machine.put("google-chrome", "")
    assert chromium.ensure() == installed


def test_a_system_without_a_chromium_of_its_own_says_so(machine: Machine) -> None:
    """Ubuntu's package of that name is empty; what was unpacked is never taken for one."""
    machine.brings("usr/share/doc")
    with pytest.raises(DownloadError, match="No Chromium is among the packages of this system: put one on PATH"):
        chromium.ensure()
    assert chromium.find() is None


def test_go_is_fetched_where_there_is_none(machine: Machine) -> None:
    machine.brings("usr/lib/go-1.19/bin")
    with pytest.raises(DownloadError, match="no Go among its packages"):
        golang.ensure()
    machine.put("dpkg-deb", DPKG.format(place="usr/lib/go-1.19/bin").replace('$name"', 'go"'))
    assert golang.ensure() == machine.cache / "go-debian/usr/lib/go-1.19/bin/go" == golang.find()


def test_without_root_alertmanager_is_its_makers_own(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's reads templates from a place that is root's alone; built from its Go module it carries them."""
    monkeypatch.setattr(debs, "TEMPLATES", Path("/proc/none/alertmanager"))
    others = 'for each in promtool amtool; do cp "$3/usr/bin/$name" "$3/usr/bin/$each"; done'
    machine.put("dpkg-deb", DPKG.format(place="usr/bin") + others)
    machine.put("go", 'echo "$2" >"$GOBIN/alertmanager" && chmod +x "$GOBIN/alertmanager"')
    debs.fetch()
    built = debs.find("alertmanager")
    assert built == machine.cache / "alertmanager-0.25.0" / "alertmanager"
    assert built.read_text().strip() == debs.MODULE
    assert [each.name for each in built.parent.iterdir()] == ["alertmanager"]
    machine.put("go", "echo 'no network' >&2; exit 1")
    built.unlink()
    with pytest.raises(DownloadError, match=r"Alertmanager 0\.25\.0 could not be built: no network"):
        debs.fetch()
    assert debs.missing() == ["alertmanager"], "what was fetched can be used"
    assert len(machine.asked) == 1, "and is not replaced by the same"


def test_a_machine_without_lists_of_packages_gets_them_in_a_place_of_ones_own(machine: Machine, tmp_path: Path) -> None:
    machine.bare.touch()
    machine.brings("usr/bin")
    debian.unpack("All of it", ("one", "two"), tmp_path / "home")
    assert (tmp_path / "home/usr/bin/two").exists()
    assert [each.split()[-1] for each in machine.asked] == ["two", "update", "two"]
    assert [each.name for each in tmp_path.iterdir() if "part" in each.name] == [], "nothing is left beside it"


def test_a_list_that_nobody_needs_may_be_away(machine: Machine, tmp_path: Path) -> None:
    machine.bare.touch()
    machine.brings("usr/bin")
    machine.put("apt-get", f'case "$*" in *update) exit 100 ;; esac\n{(machine.bin / "apt-get").read_text()}')
    debian.unpack("It", ("one",), tmp_path / "home")
    assert (tmp_path / "home/usr/bin/one").exists()


def test_a_place_that_cannot_be_written_to_is_said_in_a_sentence(machine: Machine, tmp_path: Path) -> None:
    """Of what is unpacked and of what is built."""
    machine.brings("usr/bin")
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"^It could not be put into .*/file: File exists\.$"):
        debian.unpack("It", ("one",), tmp_path / "file" / "home")
    machine.put("go", ":")
    with pytest.raises(DownloadError, match=r"^It could not be put into .*: No such file or directory\.$"):
        golang.build("It", "nothing@v1", tmp_path / "built" / "nothing", print)


def test_without_a_network_or_a_debian_one_sentence_says_what_is_missing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of each of the three; what can be tested without them is tested."""
    for switch in ("MOTCUA_TEST_NO_PROMETHEUS", "MOTCUA_TOXIPROXY"):
        monkeypatch.delenv(switch, raising=False)
    monkeypatch.setattr(wanted, "NAMED", None)
    monkeypatch.setattr(wanted, "LEFT_OUT", False)
    machine.bare.touch()
    machine.offline.touch()
    machine.brings("usr/bin")
    assert wanted.main() == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" will be missing in the tests: ")[0] for line in said] == ["Prometheus", "Chromium", "Toxiproxy"]
    assert all(
        "could not be fetched: E: Could not resolve the host. Look at the network, try again." in line for line in said
    )
    (machine.bin / "apt-get").unlink()
    assert wanted.main() == 0
    assert all("on Debian and Ubuntu alone" in line for line in capsys.readouterr().err.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize(("make", "status", "ended"), [("sleep 90", 124, True), ("exit 2", 2, False), ("", 0, False)])
def test_ci_ends_what_does_not_end(machine: Machine, make: str, status: int, ended: bool) -> None:
    """With a sentence; the status of tests that came to their end is theirs."""
    for tool in ("bash", "dirname", "sleep", "timeout"):
        found = shutil.which(tool, path="/usr/bin:/bin")
        assert found is not None
        (machine.bin / tool).symlink_to(found)
    machine.put("make", f'echo "$*"; [ "$1" = wanted ] || {{ {make or ":"}; }}')
    done = subprocess.run(
        ["bash", REPOSITORY / ".ci" / "run"], env={"PATH": str(machine.bin), "WITHIN_SECONDS": "3" if ended else "60"},
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert (done.returncode, "was ended" in done.stderr) == (status, ended)
    assert (done.stdout, done.stderr.splitlines()[0]) == ("test WANTED=\n", "wanted"), "fetched before, and once"
