"""The crontab: one block for each fleet, and nothing else of it changes."""

import subprocess
from pathlib import Path

import pytest

from fleet.core.errors import FleetError, Refused
from fleet.edges import bare_shell, crontab
from fleet.edges.crontab import Block, block_of, blocks, line, shell, shown, with_block, without_block
from tests.fakes.crontab import FakeCrontab

WORDS = ["/venv/bin/python", "-m", "fleet", "scale"]
OTHERS = "# mine\nMAILTO=ann@example.org\n\n0 3 * * *  /usr/bin/backup --all 50\\%\n"
CI = "# begin fleet ci: /home/ann/inventory.toml\n*/5 * * * * x\n# end fleet ci: /home/ann/inventory.toml\n"


def with_ci(text: str, command: str = "*/5 * * * * x") -> str:
    return with_block(text, "ci", "/home/ann/inventory.toml", [command])


# --- the line --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "when"),
    [(1, "* * * * *"), (5, "*/5 * * * *"), (30, "*/30 * * * *"), (60, "0 * * * *")],
)
def test_the_period_is_stated_in_the_line(minutes: int, when: str) -> None:
    assert line(minutes, WORDS, {}) == f"{when} /venv/bin/python -m fleet scale"


def test_variables_stand_before_the_command() -> None:
    assert line(5, ["fleet"], {"XDG_STATE_HOME": "/my state"}) == "*/5 * * * * XDG_STATE_HOME='/my state' fleet"


def test_a_percent_sign_does_not_end_the_command() -> None:
    assert line(5, ["cat", "/a b/50%.toml"], {}) == r"*/5 * * * * cat '/a b/50\%.toml'"


@pytest.mark.parametrize("path", ["/a\\b", "/a\nb", "/a\tb", "/a\udcffb"])
def test_a_path_that_cron_cannot_be_told_is_refused(path: str) -> None:
    with pytest.raises(Refused, match="a backslash or a line break"):
        line(5, ["cat", path], {})


@pytest.mark.parametrize("path", ["/a b", "/a'b", '/a"b', "/a$HOME`b`", "/a;b&c|d>e", "/ä*?[x]", "/a%b", "/-n"])
def test_the_shell_gets_every_word_as_it_is(path: str) -> None:
    command = shell(["/usr/bin/printenv", "X"], {"X": path})
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=True)
    assert done.stdout.decode() == f"{path}\n"


# --- the text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", OTHERS, "\n", "\n\n# x\n"])
def test_a_block_comes_at_the_end_and_goes_without_a_trace(text: str) -> None:
    assert with_ci(text) == text + CI
    assert without_block(with_ci(text), "ci") == text


def test_a_last_line_without_an_end_gets_one() -> None:
    assert with_ci("# x") == "# x\n" + CI


def test_a_block_is_written_again_in_its_place() -> None:
    text = with_ci(OTHERS) + "# below\n"
    assert with_ci(text) == text
    assert with_ci(text, "*/10 * * * * y") == text.replace("*/5 * * * * x", "*/10 * * * * y")


def test_a_block_whose_inventory_was_moved_is_replaced() -> None:
    assert with_block(CI, "ci", "/new.toml", ["z"]) == "# begin fleet ci: /new.toml\nz\n# end fleet ci: /new.toml\n"


def test_lines_that_a_person_wrote_into_a_block_go_with_it() -> None:
    assert without_block(CI.replace("x\n", "x\n# mine\n") + OTHERS, "ci") == OTHERS


def test_several_fleets_stand_side_by_side() -> None:
    both = with_block(with_ci(OTHERS), "qa", "/qa.toml", ["z"])
    assert [(block.fleet, block.inventory) for block in blocks(both)] == [
        ("ci", "/home/ann/inventory.toml"),
        ("qa", "/qa.toml"),
    ]
    assert without_block(both, "qa") == with_ci(OTHERS)
    assert without_block(both, "ci") == with_block(OTHERS, "qa", "/qa.toml", ["z"])


def test_a_block_is_shown_whole() -> None:
    text = with_ci(OTHERS)
    block = block_of(text, "ci")
    assert block == Block("ci", "/home/ann/inventory.toml", 4, 6)
    assert shown(text, block) == CI.rstrip("\n")


def test_a_fleet_without_a_block_has_none() -> None:
    assert block_of(with_ci(OTHERS), "c") is None
    assert without_block(OTHERS, "ci") == OTHERS


BEGIN, _, END = CI.splitlines()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (f"{BEGIN}\nx\n", 1),
        (f"# a\n{END}\n", 2),
        (f"{BEGIN}\n{BEGIN}\n{END}\n", 2),
        (f"{CI}{CI}", 4),
        (f"{CI}# begin fleet ci: /other.toml\nx\n# end fleet ci: /other.toml\n", 4),
        (f"{BEGIN}\nx\n# end fleet qa: /home/ann/inventory.toml\n", 3),
        (f"{BEGIN}\nx\n# end fleet ci: /other.toml\n", 3),
        ("# begin fleet\n", 1),
        ("#begin fleet ci: /x\n", 1),
        (f"{CI}{END}\n", 4),
    ],
)
def test_markers_that_are_wrong_or_there_twice_are_refused(text: str, number: int) -> None:
    for change in (lambda: with_ci(text), lambda: without_block(text, "ci"), lambda: block_of(text, "qa")):
        with pytest.raises(Refused, match=f"^line {number} of the crontab begins or ends a block") as refused:
            change()
        assert refused.value.hint.startswith("type `crontab -e`")


# --- the command -----------------------------------------------------------------------------------


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCrontab:
    fake = FakeCrontab.make(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(fake.folder))
    return fake


def test_who_has_no_crontab_has_an_empty_one(fake: FakeCrontab) -> None:
    assert crontab.read() == ""
    crontab.write(CI)
    assert crontab.read() == CI


def test_bytes_that_are_no_text_and_line_ends_survive(fake: FakeCrontab) -> None:
    content = b"# gr\xfcn\r\n# \xe2\x82\xac \x0b\x0c \xc2\x85 x\n"
    fake.put(content)
    crontab.write(with_ci(crontab.read()))
    assert fake.content == content + CI.encode()
    crontab.write(without_block(crontab.read(), "ci"))
    assert fake.content == content


def test_a_refusal_of_cron_is_told(fake: FakeCrontab) -> None:
    fake.refuse("You (ann) are not allowed to use this program (crontab)\nSee crontab(1) for more information")
    with pytest.raises(Refused, match=r"could not be read: You \(ann\) are not allowed"):
        crontab.read()
    with pytest.raises(FleetError, match=r"could not be written: You \(ann\) are not allowed"):
        crontab.write(CI)


def test_a_table_that_cron_does_not_take_is_told(fake: FakeCrontab) -> None:
    with pytest.raises(FleetError, match="missing newline before EOF"):
        crontab.write("x")


def test_a_write_that_another_one_has_undone_is_seen(fake: FakeCrontab) -> None:
    (fake.folder / "crontab").write_text("#!/bin/sh\necho other\n")
    with pytest.raises(FleetError, match="somebody else changed it"):
        crontab.write(CI)


def test_without_cron_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="there is no cron on this computer") as refused:
        crontab.read()
    assert "apt-get install cron" in refused.value.hint


# --- cron's environment ----------------------------------------------------------------------------


def test_the_bare_shell_has_what_cron_gives_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_GITEA_TOKEN", "t")
    ended = bare_shell.run("/usr/bin/env | /usr/bin/sort | /usr/bin/cut -d= -f1 >&2; exit 7")
    assert ended.code == 7
    assert set(ended.said.split()) == {"HOME", "LOGNAME", "PATH", "PWD", "SHELL"}


def test_the_bare_shell_does_not_wait_for_ever() -> None:
    with pytest.raises(Refused, match=r"`sleep 20` took over 0.1 s"):
        bare_shell.run("sleep 20", seconds=0.1)
