"""Somebody at a computer, at an address."""

from dataclasses import dataclass, field

from fleet.core.errors import Refused


@dataclass(slots=True)
class FakeOperator:
    """The ``Operator`` of one process. No addresses: nobody can say where it comes from."""

    name: str = "ann@laptop"
    addresses: tuple[str, ...] = ("198.51.100.7/32",)
    asked: int = field(default=0)
    ipv6: bool = True
    only_ipv4: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()

    def has_ipv6(self) -> bool:
        return self.ipv6

    def answers_ipv6(self, host: str) -> bool | None:
        return None if host in self.unknown else host not in self.only_ipv4

    def who(self) -> str:
        return self.name

    def networks(self) -> tuple[str, ...]:
        self.asked += 1
        if not self.addresses:
            raise Refused("could not learn the address we come from", hint="write the network")
        return self.addresses
