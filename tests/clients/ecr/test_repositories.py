"""Repositories."""

from conftest import ACCOUNT, fails


def test_delete_repository(ecr, docker, repository):
    image = docker.push(repository, "v1")
    fails("RepositoryNotEmptyException", ecr.delete_repository, repositoryName=repository)
    gone = ecr.delete_repository(repositoryName=repository, force=True)["repository"]
    assert gone["repositoryName"] == repository and gone["registryId"] == ACCOUNT
    assert docker.pull(repository, image)[0] == 404
    fails("RepositoryNotFoundException", ecr.delete_repository, repositoryName=repository)
    fails("InvalidParameterException", ecr.delete_repository, repositoryName="UPPER")
