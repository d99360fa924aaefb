"""Secrets, fetched from where the inventory says they are. No error shows one, nor any part of one."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from fleet.core.errors import CredentialsError
from fleet.core.secret import FromCommand, FromEnv, FromFile, Secret, SecretSource

COMMAND_TIMEOUT = 30.0

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


def resolve(
    source: SecretSource,
    *,
    what: str,
    env: Mapping[str, str],
    base: Path,
    timeout: float = COMMAND_TIMEOUT,
    child_env: Mapping[str, str] | None = None,
) -> Secret:
    """The secret itself. ``what`` names it in errors ("the Gitea token"); ``base`` is the inventory's folder.

    A command may take ``timeout`` seconds, and sees ``child_env`` (default: ``env``). Raises CredentialsError.
    """
    match source:
        case FromEnv(name):
            return _from_env(name, what, env, base / ".env")
        case FromFile(path):
            return _from_file(base / Path(path).expanduser(), what)
        case FromCommand():
            return _from_command(source, what, env if child_env is None else child_env, base, timeout)


def whereabouts(source: SecretSource, env: Mapping[str, str], base: Path) -> str:
    """Where it is found now, in a few words, or that it is not; of a command nothing: it is not run."""
    match source:
        case FromEnv(name):
            return "in the environment" if env.get(name) else _in_dotenv(name, base / ".env")
        case FromFile(path):
            return "the file is there" if (base / Path(path).expanduser()).is_file() else "there is no such file"
        case FromCommand():
            return ""


def _in_dotenv(name: str, dotenv: Path) -> str:
    try:
        return "in .env" if _dotenv(dotenv).get(name) else "set nowhere"
    except CredentialsError:
        return ".env cannot be read"


def _from_env(name: str, what: str, env: Mapping[str, str], dotenv: Path) -> Secret:
    """The environment wins; the .env is not even looked at then."""
    text = env.get(name) or _dotenv(dotenv).get(name)
    if not text:
        raise CredentialsError(
            f"{what} is missing: {name} is set neither in the environment nor in {dotenv}",
            hint=f"type `export {name}=...`, or write {name}=... into {dotenv} and `chmod 600 {dotenv}`",
        )
    return _one_line(text, what, f"${name}")


def _dotenv(path: Path) -> dict[str, str]:
    """The variables of a .env file: lines of NAME=VALUE, with quotes and ``export`` if one likes."""
    if not path.is_file():
        return {}
    lines = _private_text(path, "the .env file").splitlines()
    return dict(_variable(line.strip(), path, n) for n, line in enumerate(lines, 1) if _says_something(line))


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _variable(line: str, path: Path, n: int) -> tuple[str, str]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise CredentialsError(f"line {n} of {path} is not NAME=VALUE", hint=f"mend line {n} of {path}")
    return match[1], _unquoted(match[2])


def _unquoted(value: str) -> str:
    """A quoted value as it is; of another, what stands before a comment."""
    quoted = re.fullmatch(r"""(["'])(.*)\1(?:\s+#.*)?""", value)
    return quoted[2] if quoted else re.split(r"\s+#", value, maxsplit=1)[0]


def _from_file(path: Path, what: str) -> Secret:
    return _one_line(_private_text(path, what), what, str(path))


def _private_text(path: Path, what: str) -> str:
    """The content of a file that only its owner may read."""
    try:
        shared = path.stat().st_mode & 0o077
        if not shared:
            return path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or "not readable"
        raise CredentialsError(f"{what} could not be read from {path}: {reason}", hint=f"type `ls -l {path}`") from None
    except UnicodeDecodeError:
        raise CredentialsError(f"{what} could not be read from {path}: it is not text") from None
    raise CredentialsError(f"others may read {what} in {path}", hint=f"type `chmod 600 {path}`")


def _from_command(source: FromCommand, what: str, env: Mapping[str, str], base: Path, timeout: float) -> Secret:
    """Its stderr is dropped too: nobody knows what a stranger's command writes there."""
    hint = f"type `{' '.join(source.argv)}` in {base} to see why"
    try:
        done = subprocess.run(
            source.argv,
            cwd=base,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CredentialsError(f"{what} is missing: `{source.argv[0]}` took over {timeout:g} s", hint=hint) from None
    except OSError as error:
        reason = error.strerror or "it cannot be run"
        raise CredentialsError(f"{what} is missing: `{source.argv[0]}`: {reason}", hint=hint) from None
    if done.returncode != 0:
        raise CredentialsError(f"{what} is missing: `{source.argv[0]}` ended with {done.returncode}", hint=hint)
    return _one_line(done.stdout.decode(errors="replace"), what, str(source))


def _one_line(text: str, what: str, origin: str) -> Secret:
    """Tokens and passphrases are one line; anything else would break a header, or is the wrong file."""
    line = text.rstrip("\r\n")
    if not line.strip():
        raise CredentialsError(f"{what} is empty in {origin}", hint=f"put {what} there")
    if not line.isprintable():
        raise CredentialsError(f"{what} in {origin} is more than one line of text", hint=f"leave only {what} there")
    return Secret(line)
