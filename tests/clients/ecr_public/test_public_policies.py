"""Policies of public repositories. That they are obeyed is shown where signatures are verified."""

import json

from conftest import ACCOUNT, ALIAS, INVALID, OTHER, check_names, fails, mistyped

REFUSED = "Invalid repository policy provided"
NO_POLICY = "RepositoryPolicyNotFoundException"


def policy(action, principal=OTHER, effect="Allow", **members) -> str:
    statement = {"Effect": effect, "Principal": {"AWS": principal}, "Action": action, **members}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def test_set_repository_policy(public, ecr, repository):
    call, text = public.set_repository_policy, policy(["ecr-public:PutImage", "ECR-PUBLIC:*layer*"])
    answer = call(repositoryName=repository, policyText=text, registryId=ACCOUNT)
    answer.pop("ResponseMetadata")
    assert answer == {"registryId": ACCOUNT, "repositoryName": repository, "policyText": text}
    assert public.get_repository_policy(repositoryName=repository)["policyText"] == text
    # Each service has its own actions.
    ecr.create_repository(repositoryName=repository)
    fails(INVALID, ecr.set_repository_policy, REFUSED, repositoryName=repository, policyText=text)
    ecr.delete_repository(repositoryName=repository)
    for bad in (
        "",
        "{}",
        policy("ecr:PutImage"),
        policy("ecr-public:GetAuthorizationToken"),
        policy("ecr-publicx:PutImage"),
        policy("ecr-public:PutImage", Resource="*"),
    ):
        fails(INVALID, call, REFUSED, repositoryName=repository, policyText=bad)
    fails(INVALID, call, "policyText", repositoryName=repository)
    fails(INVALID, call, "10240", repositoryName=repository, policyText=" " * 10_241)
    mistyped(call, "force", repositoryName=repository, policyText=text, force="yes")
    # Whoever could not change it again has to say so.
    deny = policy("ecr-public:SetRepositoryPolicy", "*", "Deny")
    fails(INVALID, call, "force", repositoryName=repository, policyText=deny)
    assert public.get_repository_policy(repositoryName=repository)["policyText"] == text
    call(repositoryName=repository, policyText=deny, force=True)
    check_names(call, policyText=text)
    fails(INVALID, call, "registryId", repositoryName=repository, policyText=text, registryId="w" + OTHER)


def test_get_repository_policy(public, repository):
    get = public.get_repository_policy
    fails(NO_POLICY, get, repository, repositoryName=repository)
    public.set_repository_policy(repositoryName=repository, policyText=policy("ecr-public:*"))
    answer = get(repositoryName=repository, registryId=ALIAS)
    assert answer["policyText"] == policy("ecr-public:*") and answer["registryId"] == ACCOUNT
    # It goes with its repository.
    public.delete_repository(repositoryName=repository)
    public.create_repository(repositoryName=repository)
    fails(NO_POLICY, get, repositoryName=repository)
    check_names(get)


def test_delete_repository_policy(public, repository):
    delete = public.delete_repository_policy
    fails(NO_POLICY, delete, repository, repositoryName=repository)
    public.set_repository_policy(repositoryName=repository, policyText=policy("ecr-public:*"))
    assert delete(repositoryName=repository)["policyText"] == policy("ecr-public:*")
    fails(NO_POLICY, delete, repositoryName=repository)
    fails(NO_POLICY, public.get_repository_policy, repositoryName=repository)
    check_names(delete)
