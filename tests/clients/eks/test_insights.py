"""Insights, capabilities, certificate authorities, and EKS Anywhere subscriptions."""

import base64

import pytest

from conftest import ACCOUNT, REGION, fails, names, new_cluster, unique

ROLE = f"arn:aws:iam::{ACCOUNT}:role/capabilities"
IDC = {"idcInstanceArn": "arn:aws:sso:::instance/ssoins-1234567890abcdef", "idcRegion": REGION}


@pytest.fixture
def old(eks):
    """A cluster that has a next version."""
    name = new_cluster(eks, version="1.32")
    yield name
    eks.delete_cluster(name=name)


def test_list_insights(eks, old):
    pages = eks.get_paginator("list_insights").paginate(clusterName=old, PaginationConfig={"PageSize": 2})
    insights = names(pages, "insights")
    assert "kube-proxy version skew" in [insight["name"] for insight in insights]
    assert {insight["category"] for insight in insights} == {"UPGRADE_READINESS"}
    assert {insight["kubernetesVersion"] for insight in insights} == {"1.33"}

    def found(**filter):
        return eks.list_insights(clusterName=old, filter=filter)["insights"]

    assert len(found(categories=["UPGRADE_READINESS"], kubernetesVersions=["1.33"])) == len(insights)
    assert found(categories=["MISCONFIGURATION"]) == found(kubernetesVersions=["1.20"]) == found(statuses=["ERROR"]) == []
    # An add-on that is not for the next version is an error.
    eks.create_addon(clusterName=old, addonName="coredns", addonVersion="v1.11.3-eksbuild.1")
    [error] = found(statuses=["ERROR"])
    assert error["name"] == "Amazon EKS add-on version compatibility"
    fails("InvalidParameterException", eks.list_insights, clusterName=old, maxResults=0)
    fails("ResourceNotFoundException", eks.list_insights, clusterName="none")


def test_describe_insight(eks, old):
    eks.create_addon(clusterName=old, addonName="coredns", addonVersion="v1.11.3-eksbuild.1")
    [error] = eks.list_insights(clusterName=old, filter={"statuses": ["ERROR"]})["insights"]
    insight = eks.describe_insight(clusterName=old, id=error["id"])["insight"]
    assert insight["insightStatus"]["status"] == insight["resources"][0]["insightStatus"]["status"] == "ERROR"
    [details] = insight["categorySpecificSummary"]["addonCompatibilityDetails"]
    assert details["name"] == "coredns" and "v1.11.3-eksbuild.1" not in details["compatibleVersions"]
    fails("ResourceNotFoundException", eks.describe_insight, clusterName=old, id="none")


def test_start_insights_refresh(eks, cluster):
    assert eks.start_insights_refresh(clusterName=cluster)["status"] == "IN_PROGRESS"
    fails("ResourceNotFoundException", eks.start_insights_refresh, clusterName="none")


def test_describe_insights_refresh(eks, cluster):
    fails("ResourceNotFoundException", eks.describe_insights_refresh, clusterName=cluster)
    eks.start_insights_refresh(clusterName=cluster)
    refresh = eks.describe_insights_refresh(clusterName=cluster)
    assert refresh["status"] == "COMPLETED" and refresh["endedAt"] >= refresh["startedAt"]


def create(eks, cluster, kind="ACK", name="mine", **members):
    arguments = {"type": kind, "roleArn": ROLE, "deletePropagationPolicy": "RETAIN"} | members
    return eks.create_capability(clusterName=cluster, capabilityName=name, **arguments)["capability"]


def test_create_capability(eks, cluster):
    made = create(eks, cluster, tags={"a": "b"})
    assert (made["status"], made["type"], made["tags"]) == ("CREATING", "ACK", {"a": "b"})
    assert made["configuration"] == {"ack": {"enableCrossNamespace": False, "disabledServices": []}}
    assert made["arn"].startswith(f"arn:aws:eks:{REGION}:{ACCOUNT}:capability/{cluster}/ack/mine/")
    # Nothing runs it here, which it says.
    assert "does not run" in made["health"]["issues"][0]["message"]
    own = {"clusterName": cluster, "roleArn": ROLE, "deletePropagationPolicy": "RETAIN"}
    call = eks.create_capability
    fails("ResourceInUseException", call, "mine", **own, type="KRO", capabilityName="mine")
    fails("ResourceInUseException", call, "of type ACK", **own, type="ACK", capabilityName="other")
    other = own | {"capabilityName": "other", "type": "KRO"}
    for wrong in (
        {"capabilityName": "a b"},
        {"roleArn": "role"},
        {"configuration": {"ack": {}}},
        {"type": "ARGOCD"},
        {"type": "ARGOCD", "configuration": {"argoCd": {}}},
        {"type": "ARGOCD", "configuration": {"argoCd": {"awsIdc": IDC, "endpointPrefix": "-a"}}},
    ):
        fails("InvalidParameterException", call, **(other | wrong))
    fails("ResourceNotFoundException", call, **(other | {"clusterName": "none"}))
    argo = create(eks, cluster, "ARGOCD", "argo", configuration={"argoCd": {"awsIdc": IDC}})
    assert argo["configuration"]["argoCd"] == {"namespace": "argocd", "awsIdc": IDC}
    again = {"clientRequestToken": unique("t")}
    assert create(eks, cluster, "KRO", "kro", **again)["arn"] == create(eks, cluster, "KRO", "kro", **again)["arn"]


def test_describe_capability(eks, cluster):
    create(eks, cluster)
    found = eks.describe_capability(clusterName=cluster, capabilityName="mine")["capability"]
    assert (found["status"], found["roleArn"], found["deletePropagationPolicy"]) == ("ACTIVE", ROLE, "RETAIN")
    fails("ResourceNotFoundException", eks.describe_capability, "none", clusterName=cluster, capabilityName="none")


def test_list_capabilities(eks, cluster):
    create(eks, cluster, "ACK", "a")
    create(eks, cluster, "KRO", "b")
    pages = eks.get_paginator("list_capabilities").paginate(clusterName=cluster, PaginationConfig={"PageSize": 1})
    assert [found["type"] for found in names(pages, "capabilities")] == ["ACK", "KRO"]
    fails("InvalidParameterException", eks.list_capabilities, clusterName=cluster, maxResults=101)


def test_update_capability(eks, cluster):
    create(eks, cluster)
    own = {"clusterName": cluster, "capabilityName": "mine"}
    update = eks.update_capability(**own, configuration={"ack": {"disabledServices": ["s3"]}})["update"]
    assert (update["type"], update["params"][0]["type"]) == ("CapabilityUpdate", "DisabledServices")
    done = eks.describe_update(name=cluster, updateId=update["id"], capabilityName="mine")["update"]
    assert done["status"] == "Successful"
    found = eks.describe_capability(**own)["capability"]
    assert found["configuration"]["ack"] == {"enableCrossNamespace": False, "disabledServices": ["s3"]}
    fails("InvalidParameterException", eks.update_capability, **own, configuration={"argoCd": {}})
    fails("InvalidParameterException", eks.update_capability, **own, roleArn="role")
    own["capabilityName"] = "none"
    fails("ResourceNotFoundException", eks.update_capability, **own, roleArn=ROLE)


def test_delete_capability(eks, cluster):
    create(eks, cluster)
    own = {"clusterName": cluster, "capabilityName": "mine"}
    assert eks.delete_capability(**own)["capability"]["status"] == "DELETING"
    fails("ResourceNotFoundException", eks.delete_capability, **own)


def test_create_certificate_authority(eks, cluster):
    made = eks.create_certificate_authority(clusterName=cluster)
    assert made["update"]["type"] == "CertificateAuthorityUpdate"
    authority = made["certificateAuthority"]
    assert (authority["createdBy"], authority["signingStatus"]) == ("CUSTOMER", "NOT_USED")
    assert authority["distributionStatus"] == "IN_PROGRESS"
    assert eks.describe_update(name=cluster, updateId=made["update"]["id"])["update"]["status"] == "Successful"
    # Clients trust both.
    data = eks.describe_cluster(name=cluster)["cluster"]["certificateAuthority"]["data"]
    assert base64.b64decode(data).count(b"BEGIN CERTIFICATE") == 2
    fails("ResourceLimitExceededException", eks.create_certificate_authority, clusterName=cluster)
    fails("ResourceNotFoundException", eks.create_certificate_authority, clusterName="none")


def test_list_certificate_authorities(eks, cluster):
    [first] = eks.list_certificate_authorities(clusterName=cluster)["certificateAuthorities"]
    assert (first["createdBy"], first["signingStatus"], first["activatedBy"]) == ("EKS", "IN_USE", "EKS")
    eks.create_certificate_authority(clusterName=cluster)
    pages = eks.get_paginator("list_certificate_authorities").paginate(
        clusterName=cluster, PaginationConfig={"PageSize": 1}
    )
    assert len(names(pages, "certificateAuthorities")) == 2
    fails("InvalidParameterException", eks.list_certificate_authorities, clusterName=cluster, nextToken="x")
    fails("ResourceNotFoundException", eks.list_certificate_authorities, clusterName="none")


def test_describe_certificate_authority(eks, cluster):
    [first] = eks.list_certificate_authorities(clusterName=cluster)["certificateAuthorities"]
    own = {"clusterName": cluster, "certificateAuthorityId": first["id"]}
    found = eks.describe_certificate_authority(**own)["certificateAuthority"]
    assert found["data"] == eks.describe_cluster(name=cluster)["cluster"]["certificateAuthority"]["data"]
    assert found["validity"]["notAfter"] > found["validity"]["notBefore"]
    assert found["rollbackAvailable"] is False and "scheduledEvents" not in found
    own["certificateAuthorityId"] = "none"
    fails("ResourceNotFoundException", eks.describe_certificate_authority, **own)


def test_activate_certificate_authority(eks, cluster):
    [first] = eks.list_certificate_authorities(clusterName=cluster)["certificateAuthorities"]
    second = eks.create_certificate_authority(clusterName=cluster)["certificateAuthority"]["id"]
    activate = eks.activate_certificate_authority
    fails("InvalidParameterException", activate, clusterName=cluster, certificateAuthorityId=first["id"])
    begun = activate(clusterName=cluster, certificateAuthorityId=second)["certificateAuthority"]
    assert begun["signingStatus"] == "ACTIVATING"
    found = {a["id"]: a["signingStatus"] for a in eks.list_certificate_authorities(clusterName=cluster)["certificateAuthorities"]}
    assert found == {first["id"]: "NOT_USED", second: "IN_USE"}
    old = eks.describe_certificate_authority(clusterName=cluster, certificateAuthorityId=first["id"])
    assert old["certificateAuthority"]["rollbackAvailable"] is True
    fails("ResourceNotFoundException", activate, clusterName=cluster, certificateAuthorityId="none")


def test_delete_certificate_authority(eks, cluster):
    [first] = eks.list_certificate_authorities(clusterName=cluster)["certificateAuthorities"]
    delete = eks.delete_certificate_authority
    fails("ResourceInUseException", delete, clusterName=cluster, certificateAuthorityId=first["id"])
    second = eks.create_certificate_authority(clusterName=cluster)["certificateAuthority"]["id"]
    gone = delete(clusterName=cluster, certificateAuthorityId=second)["certificateAuthority"]
    assert gone["distributionStatus"] == "DELETING"
    fails("ResourceNotFoundException", delete, clusterName=cluster, certificateAuthorityId=second)
    data = eks.describe_cluster(name=cluster)["cluster"]["certificateAuthority"]["data"]
    assert base64.b64decode(data).count(b"BEGIN CERTIFICATE") == 1


def subscribe(eks, **members):
    arguments = {"name": unique("s"), "term": {"duration": 12, "unit": "MONTHS"}} | members
    return eks.create_eks_anywhere_subscription(**arguments)["subscription"]


def test_create_eks_anywhere_subscription(eks):
    made = subscribe(eks, licenseQuantity=2, tags={"a": "b"})
    assert (made["status"], made["licenseQuantity"], made["autoRenew"]) == ("CREATING", 2, False)
    assert made["licenses"] == [] and made["tags"] == {"a": "b"}
    assert eks.list_tags_for_resource(resourceArn=made["arn"])["tags"] == {"a": "b"}
    assert 364 < (made["expirationDate"] - made["effectiveDate"]).days < 367
    call, term = eks.create_eks_anywhere_subscription, {"duration": 12, "unit": "MONTHS"}
    for wrong in (
        {"name": "-a", "term": term},
        {"name": "a", "term": {"duration": 24, "unit": "MONTHS"}},
        {"name": "a", "term": term, "licenseQuantity": 101},
        {"name": "a"},
    ):
        fails("InvalidParameterException", call, **wrong)
    again = {"name": unique("s"), "clientRequestToken": unique("t")}
    assert subscribe(eks, **again)["id"] == subscribe(eks, **again)["id"]
    fails("InvalidParameterException", call, "already exists", name=again["name"], term=term)


def test_describe_eks_anywhere_subscription(eks):
    made = subscribe(eks)
    found = eks.describe_eks_anywhere_subscription(id=made["id"])["subscription"]
    assert found == made | {"status": "ACTIVE"}
    error = fails("ResourceNotFoundException", eks.describe_eks_anywhere_subscription, id="none")
    assert error["subscriptionId"] == "none"


def test_list_eks_anywhere_subscriptions(eks):
    made = {subscribe(eks)["id"] for _ in range(3)}
    pages = eks.get_paginator("list_eks_anywhere_subscriptions").paginate(PaginationConfig={"PageSize": 2})
    assert made <= {found["id"] for found in names(pages, "subscriptions")}
    active = eks.list_eks_anywhere_subscriptions(includeStatus=["ACTIVE"])["subscriptions"]
    assert made <= {found["id"] for found in active}
    assert eks.list_eks_anywhere_subscriptions(includeStatus=["EXPIRED"])["subscriptions"] == []
    fails("InvalidParameterException", eks.list_eks_anywhere_subscriptions, maxResults=0)


def test_update_eks_anywhere_subscription(eks):
    made = subscribe(eks)
    changed = eks.update_eks_anywhere_subscription(id=made["id"], autoRenew=True)["subscription"]
    assert changed["autoRenew"] is True
    fails("InvalidParameterException", eks.update_eks_anywhere_subscription, id=made["id"])
    fails("ResourceNotFoundException", eks.update_eks_anywhere_subscription, id="none", autoRenew=True)


def test_delete_eks_anywhere_subscription(eks):
    # Only what has expired can be deleted, which takes a year: its end is tested where time moves.
    text = "is in status ACTIVE and cannot be deleted"
    fails("InvalidRequestException", eks.delete_eks_anywhere_subscription, text, id=subscribe(eks)["id"])
    fails("ResourceNotFoundException", eks.delete_eks_anywhere_subscription, id="none")
