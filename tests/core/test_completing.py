"""An unfinished line: which words may come next."""

import pytest

from fleet.core.completing import Names, Place, Value, Words, candidates, read_line

NAMES = Names(pools=("build", "big"), machines=("ci-build-1", "ci-build-2"))

PROGRAM = Words(
    commands={
        "up": Words("Create.", options={"--add": Value("", Place.NOTHING)}, arguments=(Value("", Place.POOL),)),
        "hold": Words("Keep.", arguments=(Value("", Place.MACHINE),), repeats=True),
        "status": Words(
            options={"--check": Value("Exit 3."), "-i": Value("", Place.FILE), "--inventory": Value("", Place.FILE)},
            arguments=(Value("", Place.EITHER),),
            repeats=True,
        ),
        "logs": Words(options={"--of": Value("", Place.NOTHING, ("runner", "docker"))}),
        "cron": Words(commands={"install": Words("Write."), "show": Words("Print.")}),
    }
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "up hold status logs cron"),
        ("u", "up"),
        ("cron ", "install show"),
        ("cron s", "show"),
        ("up ", "build big"),
        ("up bi", "big"),
        ("up build ", ""),
        ("up --add ", ""),
        ("up --add 2 b", "build big"),
        ("hold ", "ci-build-1 ci-build-2"),
        ("hold ci-build-1 ", "ci-build-2"),
        ("status ", "build big ci-build-1 ci-build-2"),
        ("status -", "--check --inventory"),
        ("status --check ci", "ci-build-1 ci-build-2"),
        ("status -i some.toml ci", "ci-build-1 ci-build-2"),
        ("logs --of ", "runner docker"),
        ("logs --of = do", "docker"),
        ("logs --of =", "runner docker"),
        ("logs --of=d", "--of=docker"),
        ("no-such-command ", ""),
        ("up -- ", ""),
    ],
)
def test_what_fits_comes_next(line: str, expected: str) -> None:
    found = candidates(read_line(PROGRAM, line.split(" ")), NAMES)
    assert [word for word, _ in found] == expected.split()


def test_a_command_and_an_option_come_with_what_they_do() -> None:
    assert candidates(read_line(PROGRAM, ["ho"]), NAMES) == [("hold", "Keep.")]
    assert candidates(read_line(PROGRAM, ["status", "--c"]), NAMES) == [("--check", "Exit 3.")]


@pytest.mark.parametrize("line", ["status -i ", "status --inventory x", "status -i = ", "up -- l"])
def test_where_a_file_fits_the_line_says_so(line: str) -> None:
    assert read_line(PROGRAM, line.split(" ")).place is Place.FILE


@pytest.mark.parametrize("line", ["status --inventory a.toml ", "status --inventory=a.toml ", "status -i a.toml b"])
def test_what_an_option_was_given_is_known(line: str) -> None:
    assert "a.toml" in read_line(PROGRAM, line.split(" ")).values.values()
