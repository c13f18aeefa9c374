"""New names are random UUIDs as everybody writes them."""

import uuid

from cds_service.identity import new_uuid


def test_a_new_uuid_is_one_of_version_4_in_its_usual_form() -> None:
    made = {new_uuid() for _ in range(1000)}
    assert len(made) == 1000
    for one in made:
        read = uuid.UUID(one)
        assert (str(read), read.version, read.variant) == (one, 4, uuid.RFC_4122)
