"""Hetzner Cloud, translated. Nothing outside this folder imports ``hcloud``, and nothing of it leaves.

cloud.py     what the engine calls: servers, their tags, their making
removal.py   deleting a server, and what it leaves behind and is billed
shared.py    the SSH key that all servers share, and what goes with the last of them
belongings.py what servers can be given by name
firewalls.py the managed firewalls: read, written, read back
catalog.py   types, locations, prices, images
actions.py   one look per second answers everybody who waits
sharing.py   one call in flight answers everybody who asks
gate.py      the one way to the API: time limits, repetition, errors
budget.py    the rate limit, and the API's clock
errors.py    Hetzner's codes -> our errors, with what to do
convert.py   Hetzner's objects -> our values
"""

from fleet.edges.hetzner.cloud import HetznerCloud

__all__ = ["HetznerCloud"]
