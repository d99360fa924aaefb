"""The inventory: found, read as TOML, checked as a whole, turned into values of ``core/inventory.py``.

All problems come at once, each with the path of its key, what is wrong and what is allowed. Values are only
shown where they cannot be secrets. ``tables`` and ``pool`` are the reference of what may be written;
``inventory.example.toml`` says what it means. Where the file is: ``edges/inventory_place.py``.

    read      the file, and every problem of it
    base      what every table is: nothing guessed, no key passed over
    docker    the table [docker], of the fleet and of a pool
    pool      the tables of a pool
    tailnet   the tailnet, and what other tables say of it
    trust     a private CA, the proxy, the registries
    upkeep    how hosts are kept fit
    tables    all other tables, and the whole
    words     what pydantic says, in our words
    values    the tables as plain values
    effective  every key with its value, and where that comes from
    notify    who is told
"""

from fleet.edges.inventory.read import known_keys, load, parse
from fleet.edges.inventory_place import VARIABLE, find

__all__ = ["VARIABLE", "find", "known_keys", "load", "parse"]
