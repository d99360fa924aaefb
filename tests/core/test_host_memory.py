"""The script that a static host remembers by: all or nothing, key by key, from many at once."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fleet.core.probe_answer import read_memory
from tests.core.builders import STACK


def change(folder: Path, *words: str) -> dict[str, str]:
    done = subprocess.run(
        ["sh", "-s", "--", str(folder), *words], input=STACK["memory.sh"], capture_output=True, text=True, check=True
    )
    return read_memory(done.stdout)


def test_keys_are_set_changed_and_taken_away_and_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    assert change(folder, "fleet=ci", "held=person") == {"fleet": "ci", "held": "person"}
    assert change(folder, "held=until.17") == {"fleet": "ci", "held": "until.17"}
    assert change(folder, "held=", "never=") == {"fleet": "ci"}
    assert read_memory((folder / "memory").read_text()) == {"fleet": "ci"}
    assert (folder / "memory").stat().st_mode & 0o077 == 0


def test_a_value_may_hold_a_path_and_a_key_is_taken_whole(tmp_path: Path) -> None:
    change(tmp_path, "adopting=/srv/ci/data/.runner", "a=1", "ba=2")
    assert change(tmp_path, "a=") == {"adopting": "/srv/ci/data/.runner", "ba": "2"}


def test_of_many_words_at_once_none_is_lost(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: change(tmp_path, f"k{n}=v"), range(16)))
    assert len(read_memory((tmp_path / "memory").read_text())) == 16
