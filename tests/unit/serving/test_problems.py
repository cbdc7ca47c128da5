"""Every error has a status of its own choice, and a type by which a client knows it."""

import pytest

from imip import errors
from imip.errors import ImipError
from serving import problems


def leaves(kind: type[ImipError]) -> list[type[ImipError]]:
    below = kind.__subclasses__()
    return [leaf for each in below for leaf in leaves(each)] if below else [kind]


@pytest.mark.parametrize("kind", [kind for kind in leaves(ImipError) if not issubclass(kind, errors.ArtifactError)])
def test_each_fault_of_a_client_has_a_status_of_its_own_choice(kind: type[ImipError]) -> None:
    made = problems.from_error(kind("Why."), "id")
    assert made.status == 503 if issubclass(kind, errors.Unavailable) else 400 <= made.status < 500
    assert made.detail == "Why."
    assert made.type.removeprefix("urn:imip:problem:") == problems.slug(kind) != ""
