"""A channel to a Unix socket on the host, which sshd itself connects: no program has to run for it over there.

OpenSSH's own extension (openssh-portable: PROTOCOL, 2.4). paramiko does not know it, so that we add what the message
that opens such a channel has besides.
"""

import threading

import paramiko

KIND = "direct-streamlocal@openssh.com"


class Transport(paramiko.Transport):
    """paramiko's, and channels to Unix sockets."""

    _wanted = threading.local()

    def open_unix(self, path: str, timeout: float) -> paramiko.Channel:
        """Raises paramiko's ChannelException when sshd does not allow it, or nobody listens there."""
        self._wanted.path = path
        try:
            return self.open_channel(KIND, timeout=timeout)
        finally:
            self._wanted.path = ""

    def _send_user_message(self, data: paramiko.Message) -> None:
        """The next message of this thread is the one that opens the channel: the path, and two fields kept free."""
        path, self._wanted.path = getattr(self._wanted, "path", ""), ""
        if path:
            data.add_string(path)
            data.add_string("")
            data.add_int(0)
        super()._send_user_message(data)  # type: ignore[misc] # paramiko has it, its types have not
