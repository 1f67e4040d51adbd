"""What the tests of ECR Public share with those of ECR, and a docker of theirs."""

import importlib.util
import os

import pytest

_path = os.path.join(os.path.dirname(__file__), "..", "ecr", "conftest.py")
_spec = importlib.util.spec_from_file_location("ecr_conftest", _path)
_ecr = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_ecr)

ACCOUNT, MANIFEST, CONFIG, LAYER = _ecr.ACCOUNT, _ecr.MANIFEST, _ecr.CONFIG, _ecr.LAYER
client, digest, fails, mistyped, Docker = _ecr.client, _ecr.digest, _ecr.fails, _ecr.mistyped, _ecr.Docker
ALIAS = "w" + ACCOUNT
OTHER = "111122223333"
INVALID = "InvalidParameterException"
MISSING = "not-there"
NOT_FOUND = "RepositoryNotFoundException"


def check_names(call, **arguments):
    fails(NOT_FOUND, call, MISSING, **arguments, repositoryName=MISSING)
    fails(NOT_FOUND, call, OTHER, **arguments, repositoryName=MISSING, registryId=OTHER)
    for bad in ("", "a", "UPPER", "a" * 257):
        fails(INVALID, call, "'repositoryName'", **arguments, repositoryName=bad)
    fails(INVALID, call, "'repositoryName'", **arguments)
    mistyped(call, "repositoryName", **arguments, repositoryName=["x"])


class PublicDocker(Docker):
    """Pushes with the public password; without one it pulls as a stranger."""

    def __init__(self, public=None, host: str | None = None):
        self.base = _ecr.ENDPOINT
        self.headers = {"Host": host} if host else {}
        if public:
            token = public.get_authorization_token()["authorizationData"]["authorizationToken"]
            self.headers["Authorization"] = f"Basic {token}"


@pytest.fixture(scope="session")
def ecr():
    return client()


@pytest.fixture(scope="session")
def public():
    return client("ecr-public")


@pytest.fixture(scope="session")
def docker(public):
    return PublicDocker(public, "public.ecr.aws")


@pytest.fixture
def repository(public, request):
    name = request.node.name.replace("_", "-").lower()
    public.create_repository(repositoryName=name)
    yield name
    try:
        public.delete_repository(repositoryName=name, force=True)
    except public.exceptions.RepositoryNotFoundException:
        pass
