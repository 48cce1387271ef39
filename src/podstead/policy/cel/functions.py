"""The functions that Kubernetes adds to CEL, as far as they are offered here: each with its types and what it does.

Source: kubernetes.io, "Common Expression Language in Kubernetes". Quantities, addresses, ranges and URLs are maps with one key,
which no manifest has, so that one cannot be taken for another. No error repeats a value: it may come from an env.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from podstead.k8s import quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MOST_TEXT = 64 << 10
"""Characters that a regular expression is run over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function by its name; types are written as in CEL: `(string) bool`, with the receiver first for a method."""

    name: str
    takes: tuple[str, ...]
    gives: str
    call: Callable[..., Any]
    method: bool = True


def _held(value: Any, kind: str) -> Any:
    if not isinstance(value, dict) or kind not in value:
        raise ValueError(f"a value of {kind}() is due")
    return value[kind]


def _make_quantity(text: str) -> dict[str, str]:
    try:
        return {"quantity": str(quantity.parse(text))}
    except quantity.QuantityError:
        raise ValueError("the text is no quantity") from None


def _number(value: Any) -> Fraction:
    return Fraction(_held(value, "quantity"))


def _of_number(number: Fraction) -> dict[str, str]:
    return {"quantity": str(number)}


def _whole(value: Any) -> int:
    number = _number(value)
    if number.denominator != 1:
        raise ValueError("the quantity is no whole number")
    return int(number)


def _added(value: Any, other: Any) -> dict[str, str]:
    more = Fraction(other) if isinstance(other, int) else _number(other)
    return _of_number(_number(value) + more)


def _taken(value: Any, other: Any) -> dict[str, str]:
    less = Fraction(other) if isinstance(other, int) else _number(other)
    return _of_number(_number(value) - less)


def _order(first: Fraction, second: Fraction) -> int:
    return (first > second) - (first < second)


def _succeeds(make: Callable[[str], object]) -> Callable[[str], bool]:
    def tried(text: str) -> bool:
        try:
            make(text)
        except ValueError:
            return False
        return True

    return tried


def _make_ip(text: str) -> dict[str, str]:
    if "%" in text:
        raise ValueError("the text is no IP address")
    try:
        return {"ip": str(ipaddress.ip_address(text))}
    except ValueError:
        raise ValueError("the text is no IP address") from None


def _address(value: Any) -> Address:
    return ipaddress.ip_address(value if isinstance(value, str) else _held(value, "ip"))


def _make_cidr(text: str) -> dict[str, str]:
    address, slash, length = text.partition("/")
    try:
        made = ipaddress.ip_interface(text) if slash and length.isdecimal() and "%" not in address else None
    except ValueError:
        made = None
    if made is None:
        raise ValueError("the text is no range of addresses")
    return {"cidr": str(made)}


def _network(value: Any) -> Network:
    return ipaddress.ip_network(value if isinstance(value, str) else _held(value, "cidr"), strict=False)


def _contains_ip(value: Any, other: Any) -> bool:
    network, address = _network(value), _address(other)
    return address.version == network.version and address in network


def _contains_cidr(value: Any, other: Any) -> bool:
    outer, inner = _network(value), _network(other)
    if isinstance(outer, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(outer, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def _make_url(text: str) -> dict[str, str]:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - read for its check
    except ValueError:
        raise ValueError("the text is no URL") from None
    if not (parts.scheme or text.startswith("/")) or any(c.isspace() for c in text):
        raise ValueError("the text is no URL")
    return {"url": text}


def _parts(value: Any) -> SplitResult:
    return urlsplit(str(_held(value, "url")))


def _query(value: Any) -> dict[str, list[str]]:
    from urllib.parse import parse_qs  # noqa: PLC0415 - rarely asked for

    return parse_qs(_parts(value).query, keep_blank_values=True)


def _pattern(text: str, pattern: str) -> re.Pattern[str]:
    if len(text) > MOST_TEXT:
        raise ValueError("the text is too long to be searched")
    try:
        return re.compile(pattern)
    except (re.error, OverflowError):
        raise ValueError("the pattern is no regular expression") from None


def _find(text: str, pattern: str) -> str:
    found = _pattern(text, pattern).search(text)
    return found.group() if found else ""


def _find_all(text: str, pattern: str, most: int = -1) -> list[str]:
    found = [match.group() for match in _pattern(text, pattern).finditer(text)]
    return found if most < 0 else found[:most]


def _sorted(items: list[Any]) -> bool:
    return all(not later < one for one, later in pairwise(items))


def _extreme(choose: Callable[[list[Any]], Any]) -> Callable[[list[Any]], Any]:
    def chosen(items: list[Any]) -> Any:
        if not items:
            raise ValueError("an empty list has no least and no greatest item")
        return choose(items)

    return chosen


def _index(items: list[Any], item: Any) -> int:
    return items.index(item) if item in items else -1


def _last_index(items: list[Any], item: Any) -> int:
    return max((at for at, one in enumerate(items) if one == item), default=-1)


def _all_in(outer: list[Any], inner: list[Any]) -> bool:
    return all(item in outer for item in inner)


def _methods(names: str, gives: str, call: Callable[..., Any], *more: str) -> Function:
    return Function(name=names, takes=("dyn", *more), gives=gives, call=call)


def _makers(name: str, asks: str, make: Callable[[str], Any]) -> tuple[Function, Function]:
    return (
        Function(name=name, takes=("string",), gives="dyn", call=make, method=False),
        Function(name=asks, takes=("string",), gives="bool", call=_succeeds(make), method=False),
    )


FUNCTIONS = (
    *_makers("quantity", "isQuantity", _make_quantity),
    _methods("isLessThan", "bool", lambda a, b: _number(a) < _number(b), "dyn"),
    _methods("isGreaterThan", "bool", lambda a, b: _number(a) > _number(b), "dyn"),
    _methods("compareTo", "int", lambda a, b: _order(_number(a), _number(b)), "dyn"),
    _methods("sign", "int", lambda a: _order(_number(a), Fraction(0))),
    _methods("isInteger", "bool", lambda a: _number(a).denominator == 1),
    _methods("asInteger", "int", _whole),
    _methods("asApproximateFloat", "double", lambda a: float(_number(a))),
    _methods("add", "dyn", _added, "dyn"),
    _methods("sub", "dyn", _taken, "dyn"),
    *_makers("ip", "isIP", _make_ip),
    _methods("family", "int", lambda a: _address(a).version),
    _methods("isUnspecified", "bool", lambda a: _address(a).is_unspecified),
    _methods("isLoopback", "bool", lambda a: _address(a).is_loopback),
    _methods("isLinkLocalUnicast", "bool", lambda a: _address(a).is_link_local),
    _methods("isGlobalUnicast", "bool", lambda a: not (_address(a).is_multicast or _address(a).is_loopback)),
    *_makers("cidr", "isCIDR", _make_cidr),
    _methods("containsIP", "bool", _contains_ip, "dyn"),
    _methods("containsCIDR", "bool", _contains_cidr, "dyn"),
    _methods("prefixLength", "int", lambda a: _network(a).prefixlen),
    _methods("masked", "dyn", lambda a: {"cidr": str(_network(a))}),
    *_makers("url", "isURL", _make_url),
    _methods("getScheme", "string", lambda a: _parts(a).scheme),
    _methods("getHost", "string", lambda a: _parts(a).netloc.rpartition("@")[2]),
    _methods("getHostname", "string", lambda a: _parts(a).hostname or ""),
    _methods("getPort", "string", lambda a: str(_parts(a).port or "")),
    _methods("getEscapedPath", "string", lambda a: _parts(a).path),
    _methods("getQuery", "dyn", _query),
    Function(name="find", takes=("string", "string"), gives="string", call=_find),
    Function(name="findAll", takes=("string", "string"), gives="list", call=_find_all),
    Function(name="findAll", takes=("string", "string", "int"), gives="list", call=_find_all),
    Function(name="isSorted", takes=("list",), gives="bool", call=_sorted),
    Function(name="sum", takes=("list",), gives="dyn", call=sum),
    Function(name="min", takes=("list",), gives="dyn", call=_extreme(min)),
    Function(name="max", takes=("list",), gives="dyn", call=_extreme(max)),
    Function(name="indexOf", takes=("list", "dyn"), gives="int", call=_index),
    Function(name="lastIndexOf", takes=("list", "dyn"), gives="int", call=_last_index),
    Function(name="sets.contains", takes=("list", "list"), gives="bool", call=_all_in, method=False),
    Function(
        name="sets.equivalent",
        takes=("list", "list"),
        gives="bool",
        call=lambda a, b: _all_in(a, b) and _all_in(b, a),
        method=False,
    ),
    Function(
        name="sets.intersects",
        takes=("list", "list"),
        gives="bool",
        call=lambda a, b: any(item in b for item in a),
        method=False,
    ),
)
"""What is missing of Kubernetes' own: comprehensions of two variables, `format`, `semver`, `jsonpatch` and the authorizer."""
