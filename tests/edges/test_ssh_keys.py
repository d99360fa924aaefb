"""The operator's key, from a file, from an agent or of the fleet's own; and host keys."""

import multiprocessing
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from fleet.core.errors import CredentialsError
from fleet.core.inventory import SshSettings
from fleet.core.secret import Secret
from fleet.core.ssh_key import fingerprint
from fleet.edges.ssh_keys import OperatorKey, new_host_key, public_line_at


def own(folder: Path) -> OperatorKey:
    return OperatorKey.from_settings(SshSettings(), "ci", folder)


def named(path: Path, passphrase: str | None = None) -> OperatorKey:
    word = None if passphrase is None else Secret(passphrase)
    return OperatorKey.from_settings(SshSettings(key=str(path)), "ci", path.parent, word)


def keygen(path: Path, *options: str, passphrase: str = "") -> str:
    """A key as OpenSSH makes it; its public line without the comment."""
    command = ["ssh-keygen", "-q", "-C", "me@home", "-N", passphrase, "-f", str(path), *options]
    subprocess.run(command, check=True)
    return " ".join(path.with_name(path.name + ".pub").read_text().split()[:2])


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    address = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(address)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it listens
        monkeypatch.setenv("SSH_AUTH_SOCK", str(address))
        yield
        process.terminate()


def hold(*paths: Path) -> None:
    subprocess.run(["ssh-add", "-q", *map(str, paths)], check=True)


def test_a_host_key_is_one_that_openssh_reads(tmp_path: Path) -> None:
    private, public = new_host_key()
    path = tmp_path / "key"
    path.write_text(private.reveal())
    path.chmod(0o600)
    told = subprocess.run(["ssh-keygen", "-y", "-f", str(path)], check=True, capture_output=True, text=True)
    assert told.stdout.split() == public.split()
    assert public.startswith("ssh-ed25519 ")


def test_every_host_key_is_new() -> None:
    assert new_host_key()[1] != new_host_key()[1]


def test_a_fingerprint_is_what_openssh_prints(tmp_path: Path) -> None:
    line = keygen(tmp_path / "key", "-t", "ed25519")
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(tmp_path / "key.pub")], check=True, capture_output=True, text=True
    )
    assert fingerprint(line) == told.stdout.split()[1]


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 not*base64"])
def test_what_is_no_public_key_has_no_fingerprint(line: str) -> None:
    with pytest.raises(ValueError, match="not a public key line"):
        fingerprint(line)


def test_the_fleets_own_key_is_made_on_first_use_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "fleet"
    key = own(folder)
    assert not folder.exists()

    line = key.public_line()

    assert line.startswith("ssh-ed25519 ")
    assert own(folder).public_line() == line
    assert sorted(path.name for path in folder.iterdir()) == ["ci.ed25519", "ci.ed25519.pub"]
    assert (folder / "ci.ed25519.pub").read_text() == line + "\n"


def test_only_its_owner_may_read_the_fleets_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        own(tmp_path / "fleet").public_line()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "fleet" / "ci.ed25519").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "fleet").stat().st_mode) == 0o700


def test_a_lost_public_half_is_written_again(tmp_path: Path) -> None:
    line = own(tmp_path).public_line()
    (tmp_path / "ci.ed25519.pub").unlink()
    assert own(tmp_path).public_line() == line
    assert (tmp_path / "ci.ed25519.pub").read_text() == line + "\n"


def test_eight_processes_agree_on_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    barrier = context.Barrier(8)
    answers: multiprocessing.Queue[str] = context.Queue()
    processes = [context.Process(target=_ask, args=(tmp_path, barrier, answers)) for _ in range(8)]
    for process in processes:
        process.start()
    lines = {answers.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    answers.close()
    answers.join_thread()
    assert len(lines) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ci.ed25519", "ci.ed25519.pub"]


def _ask(folder: Path, barrier: object, answers: "multiprocessing.Queue[str]") -> None:
    barrier.wait()  # type: ignore[attr-defined]
    answers.put(own(folder).public_line())


def test_a_key_that_cannot_be_kept_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CredentialsError, match=r"cannot be kept at .*file/ci\.ed25519: "):
        own(tmp_path / "file").public_line()


@pytest.mark.parametrize("passphrase", ["", "open sesame"])
@pytest.mark.parametrize(
    "kind",
    [
        ("-t", "ed25519"),
        ("-t", "rsa", "-b", "2048"),
        ("-t", "ecdsa"),
        ("-t", "rsa", "-b", "2048", "-m", "PEM"),
        ("-t", "ecdsa", "-m", "PKCS8"),
    ],
    ids=" ".join,
)
def test_a_persons_key_is_read_in_every_form(tmp_path: Path, kind: tuple[str, ...], passphrase: str) -> None:
    line = keygen(tmp_path / "key", *kind, passphrase=passphrase)
    key = named(tmp_path / "key", passphrase or None)
    assert key.public_line() == line
    with key.unlocked() as unlocked:
        assert unlocked.can_sign()


def test_a_passphrase_is_no_harm_to_a_key_without_one(tmp_path: Path) -> None:
    line = keygen(tmp_path / "key", "-t", "ed25519")
    assert named(tmp_path / "key", "unneeded").public_line() == line


@pytest.mark.parametrize("form", [(), ("-m", "PEM")], ids=["openssh", "pem"])
def test_a_missing_and_a_wrong_passphrase_are_told_apart(tmp_path: Path, form: tuple[str, ...]) -> None:
    keygen(tmp_path / "key", "-t", "ecdsa", *form, passphrase="open sesame")
    with pytest.raises(CredentialsError, match="has a passphrase") as missing:
        named(tmp_path / "key").public_line()
    assert "ssh.passphrase" in missing.value.hint
    with pytest.raises(CredentialsError, match="the passphrase does not open it") as wrong:
        named(tmp_path / "key", "hunter2").public_line()
    assert "hunter2" not in str(wrong.value)


def test_a_missing_key_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="no such file") as caught:
        named(tmp_path / "key").public_line()
    assert "ssh-keygen -t ed25519" in caught.value.hint


def test_a_folder_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="Is a directory"):
        named(tmp_path).public_line()


def test_a_public_key_is_told_from_a_private_one(tmp_path: Path) -> None:
    keygen(tmp_path / "key", "-t", "ed25519")
    with pytest.raises(CredentialsError, match="is a public key") as caught:
        named(tmp_path / "key.pub").public_line()
    assert caught.value.hint == f'ssh.key = "{tmp_path}/key"'


def test_a_file_that_is_no_key_says_so(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hello\n")
    with pytest.raises(CredentialsError, match="not a private key that can be read"):
        named(tmp_path / "key").public_line()


def test_a_home_folder_may_be_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = keygen(tmp_path / "key", "-t", "ed25519")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert OperatorKey.from_settings(SshSettings(key="~/key"), "ci", tmp_path).public_line() == line


@pytest.mark.usefixtures("agent")
def test_the_only_key_of_an_agent_is_used_and_signs(tmp_path: Path) -> None:
    line = keygen(tmp_path / "key", "-t", "ed25519")
    hold(tmp_path / "key")
    key = OperatorKey.from_settings(SshSettings(agent=True), "ci", tmp_path)
    assert key.public_line() == line
    with key.unlocked() as unlocked:
        signature = unlocked.sign_ssh_data(b"words")
        assert paramiko.Message(bytes(signature)).get_text() == "ssh-ed25519"
    assert not (tmp_path / "ci.ed25519").exists()


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("name", ["second", "second.pub"])
def test_among_several_keys_of_an_agent_the_named_one_is_used(tmp_path: Path, name: str) -> None:
    keygen(tmp_path / "first", "-t", "ed25519")
    line = keygen(tmp_path / "second", "-t", "ed25519")
    hold(tmp_path / "first", tmp_path / "second")
    settings = SshSettings(key=str(tmp_path / name), agent=True)
    assert OperatorKey.from_settings(settings, "ci", tmp_path).public_line() == line

    with pytest.raises(CredentialsError, match="holds 2 keys") as caught:
        OperatorKey.from_settings(SshSettings(agent=True), "ci", tmp_path).public_line()
    assert "ssh.key" in caught.value.hint


@pytest.mark.usefixtures("agent")
def test_an_agent_without_the_named_key_says_so(tmp_path: Path) -> None:
    keygen(tmp_path / "first", "-t", "ed25519")
    keygen(tmp_path / "second", "-t", "ed25519")
    hold(tmp_path / "first")
    settings = SshSettings(key=str(tmp_path / "second"), agent=True)
    with pytest.raises(CredentialsError, match=r"does not hold .*/second"):
        OperatorKey.from_settings(settings, "ci", tmp_path).public_line()


@pytest.mark.usefixtures("agent")
def test_an_empty_agent_says_so(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="holds no key"):
        OperatorKey.from_settings(SshSettings(agent=True), "ci", tmp_path).public_line()


def test_no_agent_at_all_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(CredentialsError, match="there is no agent"):
        OperatorKey.from_settings(SshSettings(agent=True), "ci", tmp_path).public_line()


def test_the_public_half_is_found_by_any_of_its_files(tmp_path: Path) -> None:
    line = keygen(tmp_path / "key", "-t", "ed25519")
    assert public_line_at(tmp_path / "key") == line
    assert public_line_at(tmp_path / "key.pub") == line
    (tmp_path / "key.pub").unlink()
    assert public_line_at(tmp_path / "key") == line


def test_a_file_that_is_no_key_has_no_public_half(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("words")
    with pytest.raises(CredentialsError):
        public_line_at(tmp_path / "key")
