"""With `--auth=strict`: only keys of the file, only with an access entry, only what it says.

See `keys_are_checked` in `tests/it/clients/kubectl.rs` for the keys.
"""

import boto3
import os
import pytest
from api import REGION, Api, eks, token
from tools import ACCOUNT, Shell
from test_tokens import ODD

CLUSTER, OTHER = "strict", "strict-other"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


def principal(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


@pytest.fixture(scope="module")
def root():
    for name in (CLUSTER, OTHER):
        eks().create_cluster(
            name=name, roleArn=f"arn:aws:iam::{ACCOUNT}:role/r", resourcesVpcConfig={"subnetIds": ["subnet-1"]},
            accessConfig={"authenticationMode": "API_AND_CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": True},
        )
    shell = Shell()
    shell.aws("eks", "update-kubeconfig", "--name", CLUSTER)
    return shell


def shell_of(root, name: str) -> Shell:
    """A user's own shell: the same kubeconfig, another key."""
    shell = Shell()
    with open(root.kubeconfig, encoding="utf-8") as there, open(shell.kubeconfig, "w", encoding="utf-8") as here:
        here.write(there.read())
    shell.environ |= {"AWS_ACCESS_KEY_ID": "AKID" + name.upper(), "AWS_SECRET_ACCESS_KEY": name}
    return shell


def test_keys_are_users():
    sts = boto3.client(
        "sts", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=REGION,
        aws_access_key_id="AKIDVIEWER", aws_secret_access_key="viewer",
    )
    assert sts.get_caller_identity()["Arn"] == principal("viewer")


def test_who_made_the_cluster_is_its_administrator(root):
    assert root.kubectl("auth", "can-i", "*", "*").strip() == "yes"
    root.kubectl("create", "configmap", "made", "--from-literal=a=b")


def test_wrong_keys_are_nobody(root):
    for key, secret in (("test", "wrong"), ("AKIDUNKNOWN", "test"), ("AKIDVIEWER", "test"), ("test", "")):
        shell = shell_of(root, "x")
        shell.environ |= {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret or "none"}
        assert "You must be logged in to the server" in shell.fails("kubectl", "get", "namespaces"), key


@pytest.mark.parametrize("odd", ODD)
def test_odd_tokens(root, odd):
    """With the right key."""
    api = Api(CLUSTER)
    settings = {name: value for name, value in ODD[odd].items() if name != "only_strict"}
    api.bearer = token(CLUSTER, **settings)
    api.ask("GET", "/api/v1/namespaces").expect(401)


def test_a_token_is_for_one_cluster(root):
    api = Api(CLUSTER)
    assert api.ask("GET", "/api/v1/namespaces").status == 200
    api.bearer = token(OTHER)
    api.ask("GET", "/api/v1/namespaces").expect(401)
    # Signed as POST, or with a signature that was changed.
    api.bearer = token(CLUSTER, method="POST")
    api.ask("GET", "/api/v1/namespaces").expect(401)
    api.bearer = token(CLUSTER, signature="0" * 64)
    api.ask("GET", "/api/v1/namespaces").expect(401)


def test_a_key_without_an_access_entry_is_nobody(root):
    said = shell_of(root, "stranger").fails("kubectl", "get", "pods")
    assert "You must be logged in to the server" in said


def test_an_entry_without_a_policy_may_nothing(root):
    eks().create_access_entry(clusterName=CLUSTER, principalArn=principal("bare"))
    bare = shell_of(root, "bare")
    said = bare.fails("kubectl", "get", "pods")
    user = principal("bare")
    assert f'pods is forbidden: User "{user}" cannot list resource "pods" in API group "" in the namespace "default"' in said
    assert "yes" not in bare.fails("kubectl", "auth", "can-i", "get", "pods")
    assert user in bare.kubectl("auth", "whoami")


def test_a_viewer_only_reads(root):
    eks().create_access_entry(clusterName=CLUSTER, principalArn=principal("viewer"))
    viewer = shell_of(root, "viewer")
    assert "forbidden" in viewer.fails("kubectl", "get", "pods")
    eks().associate_access_policy(
        clusterName=CLUSTER, principalArn=principal("viewer"), policyArn=VIEW,
        accessScope={"type": "namespace", "namespaces": ["default"]},
    )
    assert "made" in viewer.kubectl("get", "configmaps")
    assert "forbidden" in viewer.fails("kubectl", "get", "configmaps", "-n", "kube-system")
    eks().associate_access_policy(
        clusterName=CLUSTER, principalArn=principal("viewer"), policyArn=VIEW, accessScope={"type": "cluster"},
    )
    viewer.kubectl("get", "configmaps,pods,services,deployments", "-A")
    for what in (
        ("get", "secrets"), ("create", "configmap", "x"), ("delete", "configmap", "made"), ("get", "nodes"),
        ("label", "configmap", "made", "a=b"), ("create", "token", "default"), ("run", "x", "--image=nginx"),
        ("get", "clusterroles"), ("exec", "x", "--", "true"),
    ):
        said = viewer.fails("kubectl", *what)
        assert "forbidden" in said.lower() or "NotFound" in said and what[0] == "exec", (what, said)
    eks().disassociate_access_policy(clusterName=CLUSTER, principalArn=principal("viewer"), policyArn=VIEW)
    assert "forbidden" in viewer.fails("kubectl", "get", "configmaps")
    eks().delete_access_entry(clusterName=CLUSTER, principalArn=principal("viewer"))
    assert "You must be logged in" in viewer.fails("kubectl", "get", "configmaps")


def test_groups_of_an_entry_are_bound_by_roles(root):
    eks().create_access_entry(clusterName=CLUSTER, principalArn=principal("member"), kubernetesGroups=["readers"], username="member-user")
    member = shell_of(root, "member")
    assert 'User "member-user" cannot list' in member.fails("kubectl", "get", "configmaps")
    root.kubectl("create", "role", "read", "--verb=get,list", "--resource=configmaps")
    root.kubectl("create", "rolebinding", "read", "--role=read", "--group=readers")
    assert "made" in member.kubectl("get", "configmaps")
    assert "forbidden" in member.fails("kubectl", "delete", "configmap", "made")
    assert "forbidden" in member.fails("kubectl", "get", "configmaps", "-A")
    whoami = member.kubectl("auth", "whoami")
    assert "member-user" in whoami and "readers" in whoami
    # It cannot give itself more, nor be somebody else.
    assert "forbidden" in member.fails("kubectl", "create", "clusterrolebinding", "x", "--clusterrole=cluster-admin", "--user=member-user")
    assert "forbidden" in member.fails("kubectl", "get", "configmaps", "--as=system:admin", "--as-group=system:masters")
    root.kubectl("delete", "rolebinding", "read")
    assert "forbidden" in member.fails("kubectl", "get", "configmaps")
