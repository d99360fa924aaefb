"""The outside, translated: one file per system."""

import sys

# paramiko imports it for `Match exec` in ssh_config, which OpenSSH itself reads for us: a tenth of a second, each time.
sys.modules.setdefault("invoke", None)  # type: ignore[arg-type] # None: an import of it fails, and paramiko goes on
