#!/usr/bin/env bash
# The first steps of whoever has a new cluster: aws makes it, kubectl talks to it, machines join and
# leave. Nothing of the user's own configuration is read or written.
# usage: first_steps.sh CLUSTER
set -euo pipefail
export AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-${AWS_REGION:-us-east-1}}
cluster=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HOME=$scratch KUBECONFIG=$scratch/kubeconfig
role=arn:aws:iam::000000000000:role

fail() {
    echo "$*" >&2
    exit 1
}
# same WHAT EXPECTED FOUND
same() { [[ $2 == "$3" ]] || fail "$1: expected '$2', found '$3'"; }

aws eks create-cluster --name "$cluster" --role-arn "$role/eks" --kubernetes-version 1.33 \
    --resources-vpc-config subnetIds=subnet-1,subnet-2 >/dev/null
aws eks wait cluster-active --name "$cluster"
aws eks update-kubeconfig --name "$cluster" >/dev/null

namespaces=$(kubectl get namespaces -o 'jsonpath={.items[*].metadata.name}')
same namespaces 'default kube-node-lease kube-public kube-system' "$namespaces"
server=$(kubectl version -o json | jq -r .serverVersion.minor)
[[ $server == 33* ]] || fail "the server says it is 1.$server"
same 'who am I' kubernetes-admin \
    "$(kubectl auth whoami -o 'jsonpath={.status.userInfo.username}')"

# Machines are nodes as soon as the node group is there.
aws eks create-nodegroup --cluster-name "$cluster" --nodegroup-name web --node-role "$role/nodes" \
    --subnets subnet-1 subnet-2 --instance-types t3.small --labels tier=web \
    --taints key=only,value=web,effect=NO_SCHEDULE \
    --scaling-config minSize=1,maxSize=4,desiredSize=2 >/dev/null
aws eks wait nodegroup-active --cluster-name "$cluster" --nodegroup-name web
kubectl wait --for=condition=Ready nodes -l eks.amazonaws.com/nodegroup=web --timeout=10s >/dev/null
nodes() { kubectl get nodes -l tier=web --no-headers 2>/dev/null | wc -l; }
same 'nodes of the group' 2 "$(nodes)"
same 'pods of a t3.small' '11 11' \
    "$(kubectl get nodes -o 'jsonpath={.items[*].status.allocatable.pods}')"
same taints 'only=web:NoSchedule' \
    "$(kubectl get nodes -o 'jsonpath={.items[0].spec.taints[?(@.key=="only")].key}={.items[0].spec.taints[?(@.key=="only")].value}:{.items[0].spec.taints[?(@.key=="only")].effect}')"
kubectl get nodes -o wide

# More of them, and fewer.
# settle COUNT
settle() {
    for _ in {1..100}; do
        [[ $(nodes) == "$1" ]] && return
        sleep 0.1
    done
    fail "there are $(nodes) nodes, not $1"
}
aws eks update-nodegroup-config --cluster-name "$cluster" --nodegroup-name web \
    --scaling-config minSize=1,maxSize=4,desiredSize=3 >/dev/null
settle 3
group=$(aws eks describe-nodegroup --cluster-name "$cluster" --nodegroup-name web \
    --query 'nodegroup.resources.autoScalingGroups[0].name' --output text)
aws autoscaling set-desired-capacity --auto-scaling-group-name "$group" --desired-capacity 1
settle 1

# Labels follow the node group.
aws eks update-nodegroup-config --cluster-name "$cluster" --nodegroup-name web \
    --labels 'addOrUpdateLabels={zone=blue}' >/dev/null
same label blue "$(kubectl get nodes -o 'jsonpath={.items[0].metadata.labels.zone}')"

# An access entry that may only look, from the next request on.
aws eks update-cluster-config --name "$cluster" \
    --access-config authenticationMode=API_AND_CONFIG_MAP >/dev/null
aws eks wait cluster-active --name "$cluster"
user=arn:aws:iam::000000000000:user/viewer
aws eks create-access-entry --cluster-name "$cluster" --principal-arn "$user" >/dev/null
as_viewer() { AWS_ACCESS_KEY_ID=viewer kubectl "$@"; }
! as_viewer get pods -n default >/dev/null 2>&1 || fail 'an entry without a policy may list pods'
aws eks associate-access-policy --cluster-name "$cluster" --principal-arn "$user" \
    --policy-arn arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy \
    --access-scope type=cluster >/dev/null
as_viewer get pods -n default >/dev/null 2>&1 || fail 'a viewer may not list pods'
! as_viewer create namespace mine >/dev/null 2>&1 || fail 'a viewer may make namespaces'

aws eks delete-nodegroup --cluster-name "$cluster" --nodegroup-name web >/dev/null
aws eks wait nodegroup-deleted --cluster-name "$cluster" --nodegroup-name web
same 'nodes in the end' '' "$(kubectl get nodes -o name)"
aws eks delete-cluster --name "$cluster" >/dev/null
aws eks wait cluster-deleted --name "$cluster"
! kubectl get namespaces --request-timeout=2s >/dev/null 2>&1 || fail 'a deleted cluster answers'
echo "kubectl: $cluster came, had nodes, and is gone"
