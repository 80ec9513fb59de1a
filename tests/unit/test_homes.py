"""A tenant's home is where Java's client puts a record with the tenant as its key."""

import pytest

from consumer.adapters.kafka.homes import homes


@pytest.mark.parametrize(
    ("tenant", "hashed"),
    # of Kafka's own test of the hash (org.apache.kafka.common.utils.UtilsTest)
    [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536)],
)
@pytest.mark.parametrize("partitions", [1, 6, 48])
def test_a_tenant_lives_where_java_would_put_it(tenant: str, hashed: int, partitions: int) -> None:
    home = homes(partitions)
    assert home(tenant) == home(tenant) == (hashed & 0x7FFFFFFF) % partitions
