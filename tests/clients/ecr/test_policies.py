"""Policies, against a server that verifies signatures and enforces them."""

import json

import pytest
from conftest import ACCOUNT, Docker, client, fails, look

PARTNER = "111122223333"
HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.localhost"
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
PUSH = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
]
INVALID = "Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid {} policy provided'"


@pytest.fixture(scope="session")
def limited():
    """A user of the account whose own policy lets it log in and list the images of `team/*`."""
    return client(key="AKIDLIMITED", secret="limited")


@pytest.fixture(scope="session")
def partner():
    """A user of another account, who may do everything there."""
    return client(key="AKIDPARTNER", secret="partner")


def policy(actions, principal="*", effect="Allow", **members) -> str:
    statement = {"Sid": "new statement", "Effect": effect, "Principal": principal, "Action": actions, **members}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


def denied(call, action: str, resource: str, because: str, **arguments):
    error = fails("AccessDeniedException", call, **arguments)["Error"]
    who = {"AKIDLIMITED": f"{ACCOUNT}:user/limited", "AKIDPARTNER": f"{PARTNER}:user/partner"}
    key = call.__self__._request_signer._credentials.access_key
    assert error["Message"] == (
        f"User: arn:aws:iam::{who[key]} is not authorized to perform: {action} on resource: {resource} {because}"
    )


def arn(repository: str) -> str:
    return f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/{repository}"


def test_set_repository_policy(ecr, partner, limited, docker, repository):
    # Byte for byte, whatever its spaces and escapes.
    text = ' {"Statement" : [{"Effect":"Allow","Principal":{"AWS":"%s"},\n "Action":"ecr:\\u0047et*"} ]}\n' % PARTNER
    answer = ecr.set_repository_policy(repositoryName=repository, policyText=text)
    assert answer["registryId"] == ACCOUNT
    assert answer["repositoryName"] == repository
    assert answer["policyText"] == text
    assert ecr.get_repository_policy(repositoryName=repository)["policyText"] == text
    # It takes effect with the next request.
    docker.push(repository, "v1")
    theirs = Docker(partner, host=HOST)
    because = "because no resource-based policy allows the {0} action"
    denied(
        partner.list_images,
        "ecr:ListImages",
        arn(repository),
        because.format("ecr:ListImages"),
        repositoryName=repository,
        registryId=ACCOUNT,
    )
    assert theirs.pull(repository, "v1")[0] == 403
    ecr.set_repository_policy(
        repositoryName=repository, registryId=ACCOUNT, policyText=policy([*PULL, "ecr:ListImages"], {"AWS": PARTNER})
    )
    assert len(partner.list_images(repositoryName=repository, registryId=ACCOUNT)["imageIds"]) == 1
    assert theirs.pull(repository, "v1")[0] == 200
    status, _, body = theirs.call("POST", f"/v2/{repository}/blobs/uploads/", b"")
    assert status == 403, body
    error = json.loads(body)["errors"][0]
    assert error["code"] == "DENIED"
    assert error["message"].endswith(because.format("ecr:InitiateLayerUpload")), error
    ecr.set_repository_policy(repositoryName=repository, policyText=policy(PUSH + PULL, {"AWS": PARTNER}))
    theirs.push(repository, "v2")
    # In its own account a user needs one of the two policies, and none that denies.
    own = {"repositoryName": repository}
    identity = "because no identity-based policy allows the ecr:DescribeImages action"
    denied(limited.describe_images, "ecr:DescribeImages", arn(repository), identity, **own)
    me = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/limited"}
    ecr.set_repository_policy(policyText=policy("ecr:Describe*", me), **own)
    assert len(limited.describe_images(**own)["imageDetails"]) == 2
    ecr.set_repository_policy(policyText=policy("ecr:Describe*", me, "Deny"), **own)
    explicit = "with an explicit deny in a resource-based policy"
    denied(limited.describe_images, "ecr:DescribeImages", arn(repository), explicit, **own)


def test_set_repository_policy_refuses(ecr, repository):
    own = {"repositoryName": repository}
    good = policy("ecr:*")
    for text in [
        "",
        "no JSON",
        "{}",
        policy("s3:GetObject"),
        policy("ecr:GetAuthorizationToken"),
        policy("ecr:*", {"AWS": "123"}),
        policy("ecr:*", Resource="*"),
        policy("ecr:*", Condition={"StringSimilar": {"aws:username": "x"}}),
        good.replace("Principal", "Robot"),
    ]:
        fails("InvalidParameterException", ecr.set_repository_policy, INVALID.format("repository"), policyText=text, **own)
    fails("InvalidParameterException", ecr.set_repository_policy, "policyText", **own)
    fails("InvalidParameterException", ecr.set_repository_policy, "repositoryName", policyText=good)
    fails("InvalidParameterException", ecr.set_repository_policy, "registryId", registryId="1", policyText=good, **own)
    # The limit is one of characters.
    filled = policy("ecr:*", Sid="")
    filled = filled.replace('"Sid": ""', '"Sid": "%s"' % ("\u00e9" * (10_240 - len(filled))))
    ecr.set_repository_policy(policyText=filled, **own)
    fails("InvalidParameterException", ecr.set_repository_policy, "10240", policyText=filled + " ", **own)
    assert ecr.get_repository_policy(**own)["policyText"] == filled
    fails(
        "RepositoryNotFoundException",
        ecr.set_repository_policy,
        "does not exist in the registry",
        repositoryName="no/such",
        policyText=good,
    )
    # A lock-out takes force.
    lock = policy("ecr:SetRepositoryPolicy", effect="Deny")
    fails("InvalidParameterException", ecr.set_repository_policy, "force", policyText=lock, **own)
    ecr.set_repository_policy(policyText=lock, force=True, **own)
    fails("AccessDeniedException", ecr.set_repository_policy, "explicit deny", policyText=good, force=True, **own)
    ecr.delete_repository_policy(**own)


def test_get_repository_policy(ecr, limited, repository):
    own = {"repositoryName": repository}
    missing = f"Repository policy does not exist for the repository with name '{repository}' in the registry with id '{ACCOUNT}'"
    fails("RepositoryPolicyNotFoundException", ecr.get_repository_policy, missing, **own)
    text = policy("ecr:*")
    ecr.set_repository_policy(policyText=text, **own)
    answer = ecr.get_repository_policy(registryId=ACCOUNT, **own)
    assert (answer["registryId"], answer["repositoryName"], answer["policyText"]) == (ACCOUNT, repository, text)
    fails("RepositoryNotFoundException", ecr.get_repository_policy, repositoryName="no/such")
    fails("InvalidParameterException", ecr.get_repository_policy, repositoryName="No Such")
    fails("InvalidParameterException", ecr.get_repository_policy)
    # Who may not is not told which there are.
    for name in ["no/such", "other"]:
        because = "because no identity-based policy allows the ecr:GetRepositoryPolicy action"
        denied(limited.get_repository_policy, "ecr:GetRepositoryPolicy", arn(name), because, repositoryName=name)


def test_delete_repository_policy(ecr, repository):
    own = {"repositoryName": repository}
    fails("RepositoryPolicyNotFoundException", ecr.delete_repository_policy, **own)
    text = policy("ecr:*")
    ecr.set_repository_policy(policyText=text, **own)
    answer = ecr.delete_repository_policy(registryId=ACCOUNT, **own)
    assert (answer["registryId"], answer["repositoryName"], answer["policyText"]) == (ACCOUNT, repository, text)
    fails("RepositoryPolicyNotFoundException", ecr.delete_repository_policy, **own)
    fails("RepositoryPolicyNotFoundException", ecr.get_repository_policy, **own)
    fails("RepositoryNotFoundException", ecr.delete_repository_policy, repositoryName="no/such")
    fails("InvalidParameterException", ecr.delete_repository_policy)


def test_a_users_own_policy(ecr, limited):
    for name in ["team/one", "other"]:
        ecr.create_repository(repositoryName=name)
    assert limited.list_images(repositoryName="team/one")["imageIds"] == []
    because = "because no identity-based policy allows the ecr:ListImages action"
    denied(limited.list_images, "ecr:ListImages", arn("other"), because, repositoryName="other")
    explicit = "with an explicit deny in an identity-based policy"
    denied(limited.delete_repository, "ecr:DeleteRepository", arn("team/one"), explicit, repositoryName="team/one")
    # Who one is one may always ask; that answer is XML.
    sts = client("sts", "AKIDLIMITED", "limited")
    sts.meta.events.unregister("before-parse.sts", look)
    assert sts.get_caller_identity()["Arn"].endswith(":user/limited")
    assert Docker(limited).call("GET", "/v2/")[0] == 200
    for name in ["team/one", "other"]:
        ecr.delete_repository(repositoryName=name)


@pytest.fixture
def no_registry_policy(ecr):
    yield
    try:
        ecr.delete_registry_policy()
    except ecr.exceptions.RegistryPolicyNotFoundException:
        pass


def test_put_registry_policy(ecr, partner, no_registry_policy):
    create = {"repositoryName": "from-partner", "registryId": ACCOUNT}
    because = "because no resource-based policy allows the ecr:CreateRepository action"
    denied(partner.create_repository, "ecr:CreateRepository", arn("from-partner"), because, **create)
    text = policy(
        ["ecr:CreateRepository", "ecr:ReplicateImage"],
        {"AWS": f"arn:aws:iam::{PARTNER}:root"},
        Resource=f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/from-*",
    )
    answer = ecr.put_registry_policy(policyText=text)
    assert (answer["registryId"], answer["policyText"]) == (ACCOUNT, text)
    made = partner.create_repository(**create)["repository"]
    assert made["repositoryArn"] == arn("from-partner")
    create["repositoryName"] = "other"
    denied(partner.create_repository, "ecr:CreateRepository", arn("other"), because, **create)
    ecr.delete_repository(repositoryName="from-partner")
    for bad in ["", "{}", policy("ecr:*"), policy("ecr:*", {"AWS": "123"}, Resource="*"), policy("x", Resource="*")]:
        fails("InvalidParameterException", ecr.put_registry_policy, INVALID.format("registry"), policyText=bad)
    fails("InvalidParameterException", ecr.put_registry_policy, "policyText")
    fails("InvalidParameterException", ecr.put_registry_policy, "10240", policyText=text.ljust(10_241))
    assert ecr.get_registry_policy()["policyText"] == text


def test_get_registry_policy(ecr, partner, no_registry_policy):
    missing = f"Registry policy does not exist in the registry with id '{ACCOUNT}'"
    fails("RegistryPolicyNotFoundException", ecr.get_registry_policy, missing)
    text = policy("ecr:ReplicateImage", {"AWS": PARTNER}, Resource="*")
    ecr.put_registry_policy(policyText=text)
    answer = ecr.get_registry_policy()
    assert (answer["registryId"], answer["policyText"]) == (ACCOUNT, text)
    # Each registry has its own: that of an account, in a region.
    fails("RegistryPolicyNotFoundException", partner.get_registry_policy, PARTNER)
    fails("RegistryPolicyNotFoundException", client(region="eu-central-1").get_registry_policy)


def test_delete_registry_policy(ecr, limited, no_registry_policy):
    fails("RegistryPolicyNotFoundException", ecr.delete_registry_policy)
    text = policy("ecr:ReplicateImage", {"AWS": PARTNER}, Resource="*")
    ecr.put_registry_policy(policyText=text)
    because = "because no identity-based policy allows the ecr:DeleteRegistryPolicy action"
    denied(limited.delete_registry_policy, "ecr:DeleteRegistryPolicy", "*", because)
    answer = ecr.delete_registry_policy()
    assert (answer["registryId"], answer["policyText"]) == (ACCOUNT, text)
    fails("RegistryPolicyNotFoundException", ecr.get_registry_policy)
