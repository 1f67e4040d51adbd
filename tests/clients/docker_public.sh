#!/usr/bin/env bash
# docker with ECR Public: push with the public password, log out, pull from the host's own name.
# usage: docker_public.sh REPOSITORY
set -euo pipefail
export AWS_DEFAULT_REGION=us-east-1 # the service is nowhere else
repository=$1
registry=${AWS_ENDPOINT_URL#http://}
scratch=$(mktemp -d)
export DOCKER_CONFIG=$scratch/docker # the login stays here
mkdir "$DOCKER_CONFIG"
image=
finish() {
    [[ -z $image ]] || docker rmi -f "$image:1" >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap finish EXIT

image=$(aws ecr-public create-repository --repository-name "$repository" \
    --query repository.repositoryUri --output text)
[[ $image == "$registry/public.ecr.aws/"*"/$repository" ]] || { echo "an odd URI: $image" >&2; exit 1; }
aws ecr-public get-login-password |
    docker login --username AWS --password-stdin "$registry" >/dev/null 2>"$scratch/login" ||
    { cat "$scratch/login" >&2; exit 1; }

head -c 100000 /dev/urandom >"$scratch/payload"
printf 'FROM scratch\nCOPY payload /payload\n' >"$scratch/Dockerfile"
tar -C "$scratch" -c Dockerfile payload |
    DOCKER_BUILDKIT=0 docker build --quiet --tag "$image:1" - >/dev/null 2>&1
id=$(docker image inspect --format '{{.Id}}' "$image:1")
docker push --quiet "$image:1" >/dev/null
docker rmi -f "$image:1" >/dev/null
docker pull --quiet "$image:1" >/dev/null
[[ $(docker image inspect --format '{{.Id}}' "$image:1") == "$id" ]] || { echo 'another image came back' >&2; exit 1; }
pushed=$(aws ecr-public describe-images --repository-name "$repository" \
    --query 'imageDetails[0].imageTags[0]' --output text)
[[ $pushed == 1 ]] || { echo "describe-images shows $pushed" >&2; exit 1; }

# Without a password, by the host that asks for a Bearer token, where its name has an address.
if getent ahosts public.ecr.localhost >/dev/null; then
    docker logout "$registry" >/dev/null
    named=public.ecr.localhost:${registry##*:}/${image#*/public.ecr.aws/}
    docker rmi -f "$image:1" >/dev/null
    image=$named
    docker pull --quiet "$named:1" >/dev/null || { echo 'a stranger cannot pull' >&2; exit 1; }
    [[ $(docker image inspect --format '{{.Id}}' "$named:1") == "$id" ]] || { echo 'another image came back' >&2; exit 1; }
fi
echo "docker: $repository pushed to ECR Public and pulled"
