"""Unsigned varints: seven bits an octet, the lowest first; the highest bit says that more follow."""


def write(number: int) -> bytes:
    """As few octets as it takes. The number is not negative."""
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def size(number: int) -> int:
    """How many octets it takes."""
    return max(1, (number.bit_length() + 6) // 7)


def read(octets: bytes, at: int) -> tuple[int, int]:
    """The number at this place, and where it ends. Raises `IndexError` where it does not."""
    number = shift = 0
    while True:
        octet = octets[at]
        at += 1
        number |= (octet & 0x7F) << shift
        if octet <= 0x7F:
            return number, at
        shift += 7
