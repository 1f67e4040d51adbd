"""Identity providers and pod identity associations."""

import json

from conftest import ACCOUNT, REGION, fails, names, unique

ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop"
OIDC = {
    "identityProviderConfigName": "corp",
    "issuerUrl": "https://login.example.org/tenant",
    "clientId": "kubernetes",
    "usernameClaim": "email",
    "groupsClaim": "groups",
    "groupsPrefix": "oidc:",
    "requiredClaims": {"team": "red"},
}
CORP = {"type": "oidc", "name": "corp"}


def test_associate_identity_provider_config(eks, cluster):
    associate = eks.associate_identity_provider_config
    token = {"clientRequestToken": unique("t")}
    answer = associate(clusterName=cluster, oidc=OIDC, tags={"a": "b"}, **token)
    update = answer["update"]
    assert (update["type"], update["status"]) == ("AssociateIdentityProviderConfig", "InProgress")
    assert json.loads(update["params"][0]["value"]) == [CORP] and answer["tags"] == {"a": "b"}
    assert associate(clusterName=cluster, oidc=OIDC, tags={"a": "b"}, **token)["update"]["id"] == update["id"]
    assert eks.describe_update(name=cluster, updateId=update["id"])["update"]["status"] == "Successful"
    # A cluster has one.
    fails("ResourceInUseException", associate, "corp", clusterName=cluster, oidc=OIDC)
    second = OIDC | {"identityProviderConfigName": "second"}
    fails("ResourceInUseException", associate, "already has", clusterName=cluster, oidc=second)
    for wrong in (
        {"issuerUrl": "http://login.example.org"},
        {"issuerUrl": "https://login.example.org?a=b"},
        {"clientId": ""},
        {"identityProviderConfigName": "a b"},
        {"usernamePrefix": "system:x"},
        {"groupsPrefix": "system:"},
        {"requiredClaims": {"k" * 64: "v"}},
        {"requiredClaims": {"k": ""}},
    ):
        fails("InvalidParameterException", associate, clusterName=cluster, oidc=OIDC | wrong)
    fails("InvalidParameterException", associate, clusterName=cluster)
    fails("ResourceNotFoundException", associate, clusterName="none", oidc=OIDC)


def test_describe_identity_provider_config(eks, cluster):
    describe = eks.describe_identity_provider_config
    fails("ResourceNotFoundException", describe, clusterName=cluster, identityProviderConfig=CORP)
    eks.associate_identity_provider_config(clusterName=cluster, oidc=OIDC, tags={"a": "b"})
    oidc = describe(clusterName=cluster, identityProviderConfig=CORP)["identityProviderConfig"]["oidc"]
    assert {name: oidc[name] for name in OIDC} == OIDC
    arn = oidc["identityProviderConfigArn"]
    assert arn.startswith(f"arn:aws:eks:{REGION}:{ACCOUNT}:identityproviderconfig/{cluster}/oidc/corp/")
    assert (oidc["clusterName"], oidc["status"], oidc["tags"]) == (cluster, "ACTIVE", {"a": "b"})
    saml = {"type": "saml", "name": "corp"}
    fails("InvalidParameterException", describe, clusterName=cluster, identityProviderConfig=saml)


def test_list_identity_provider_configs(eks, cluster):
    assert eks.list_identity_provider_configs(clusterName=cluster)["identityProviderConfigs"] == []
    eks.associate_identity_provider_config(clusterName=cluster, oidc=OIDC)
    assert eks.list_identity_provider_configs(clusterName=cluster)["identityProviderConfigs"] == [CORP]
    fails("InvalidParameterException", eks.list_identity_provider_configs, clusterName=cluster, maxResults=0)
    fails("ResourceNotFoundException", eks.list_identity_provider_configs, clusterName="none")


def test_disassociate_identity_provider_config(eks, cluster):
    disassociate = eks.disassociate_identity_provider_config
    fails("ResourceNotFoundException", disassociate, clusterName=cluster, identityProviderConfig=CORP)
    eks.associate_identity_provider_config(clusterName=cluster, oidc=OIDC)
    update = disassociate(clusterName=cluster, identityProviderConfig=CORP)["update"]
    assert update["type"] == "DisassociateIdentityProviderConfig"
    assert eks.list_identity_provider_configs(clusterName=cluster)["identityProviderConfigs"] == []
    assert eks.describe_update(name=cluster, updateId=update["id"])["update"]["status"] == "Successful"
    fails("InvalidParameterException", disassociate, clusterName=cluster, identityProviderConfig={"type": "oidc"})


def associate(eks, cluster, account="shop", **members):
    arguments = {"namespace": "web", "serviceAccount": account, "roleArn": ROLE} | members
    return eks.create_pod_identity_association(clusterName=cluster, **arguments)["association"]


def test_create_pod_identity_association(eks, cluster):
    create = eks.create_pod_identity_association
    made = associate(eks, cluster, tags={"a": "b"})
    assert made["associationId"].startswith("a-") and len(made["associationId"]) == 19
    assert made["associationArn"].endswith(f":podidentityassociation/{cluster}/{made['associationId']}")
    assert made["disableSessionTags"] is False and made["tags"] == {"a": "b"}
    arguments = {"clusterName": cluster, "namespace": "web", "serviceAccount": "shop", "roleArn": ROLE}
    text = f"Association already exists: {made['associationId']}"
    fails("ResourceInUseException", create, text, **arguments)
    target = associate(eks, cluster, "target", targetRoleArn="arn:aws:iam::111122223333:role/data")
    assert target["externalId"] and target["targetRoleArn"].endswith(":role/data")
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    limited = associate(eks, cluster, "limited", policy=policy, disableSessionTags=True)
    assert limited["policy"] == policy and limited["disableSessionTags"] is True
    for wrong in (
        {"namespace": "A"},
        {"serviceAccount": "a/b"},
        {"roleArn": "role"},
        {"targetRoleArn": "role"},
        {"policy": policy},
        {"policy": "x", "disableSessionTags": True},
        {"tags": {f"k{i}": "" for i in range(51)}},
    ):
        fails("InvalidParameterException", create, **(arguments | {"serviceAccount": "other"} | wrong))
    fails("ResourceNotFoundException", create, **(arguments | {"clusterName": "none"}))
    again = {"clientRequestToken": unique("t")}
    first = associate(eks, cluster, "again", **again)
    assert associate(eks, cluster, "again", **again)["associationId"] == first["associationId"]


def test_describe_pod_identity_association(eks, cluster):
    made = associate(eks, cluster)
    own = {"clusterName": cluster, "associationId": made["associationId"]}
    assert eks.describe_pod_identity_association(**own)["association"] == made
    own["associationId"] = "a-none"
    fails("ResourceNotFoundException", eks.describe_pod_identity_association, "a-none", **own)


def test_list_pod_identity_associations(eks, cluster):
    ids = sorted(associate(eks, cluster, f"s{i}")["associationId"] for i in range(5))
    associate(eks, cluster, "s1", namespace="other")
    paginator = eks.get_paginator("list_pod_identity_associations")
    pages = paginator.paginate(clusterName=cluster, namespace="web", PaginationConfig={"PageSize": 2})
    assert [found["associationId"] for found in names(pages, "associations")] == ids
    found = eks.list_pod_identity_associations(clusterName=cluster, serviceAccount="s1")["associations"]
    assert {association["namespace"] for association in found} == {"web", "other"}
    fails("InvalidParameterException", eks.list_pod_identity_associations, clusterName=cluster, nextToken="x")
    fails("ResourceNotFoundException", eks.list_pod_identity_associations, clusterName="none")


def test_update_pod_identity_association(eks, cluster):
    own = {"clusterName": cluster, "associationId": associate(eks, cluster)["associationId"]}
    update = eks.update_pod_identity_association
    changed = update(**own, roleArn=ROLE + "2", disableSessionTags=True)["association"]
    assert (changed["roleArn"], changed["disableSessionTags"]) == (ROLE + "2", True)
    fails("InvalidParameterException", update, "At least one", **own)
    fails("InvalidParameterException", update, **own, roleArn="role")
    own["associationId"] = "a-none"
    fails("ResourceNotFoundException", update, **own, roleArn=ROLE)


def test_delete_pod_identity_association(eks, cluster):
    made = associate(eks, cluster)
    own = {"clusterName": cluster, "associationId": made["associationId"]}
    assert eks.delete_pod_identity_association(**own)["association"] == made
    fails("ResourceNotFoundException", eks.delete_pod_identity_association, **own)
