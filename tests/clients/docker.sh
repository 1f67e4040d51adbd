#!/usr/bin/env bash
# docker: build, push, remove, pull by tag and by digest, run.
# usage: docker.sh REPOSITORY
set -euo pipefail
# boto3 and version 1 of the aws command read only the older name.
export AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-${AWS_REGION:-us-east-1}}
repository=$1
registry=${AWS_ENDPOINT_URL#http://}
scratch=$(mktemp -d)
export DOCKER_CONFIG=$scratch/docker # the login stays here
mkdir "$DOCKER_CONFIG"
image=$registry/$repository
finish() {
    docker rmi -f "$image:1" "$image:2" >/dev/null 2>&1 || true
    rm -rf "$scratch"
}
trap finish EXIT

aws ecr create-repository --repository-name "$repository" >/dev/null 2>&1 || true
aws ecr get-login-password |
    docker login --username AWS --password-stdin "$registry" >/dev/null 2>"$scratch/login" ||
    { cat "$scratch/login" >&2; exit 1; }

# Two layers; the second is new every time, so that nothing is known to the server.
cp "$(command -v busybox)" "$scratch/busybox"
head -c 3000000 /dev/urandom >"$scratch/payload"
printf 'FROM scratch\nCOPY busybox /busybox\nCOPY payload /payload\nENTRYPOINT ["/busybox", "sha256sum", "/payload"]\n' \
    >"$scratch/Dockerfile"
expected=$(sha256sum <"$scratch/payload" | cut -c 1-64)
tar -C "$scratch" -c Dockerfile busybox payload |
    DOCKER_BUILDKIT=0 docker build --quiet --tag "$image:1" - >/dev/null 2>&1
id=$(docker image inspect --format '{{.Id}}' "$image:1")

docker push --quiet "$image:1" >/dev/null
docker tag "$image:1" "$image:2"
docker push --quiet "$image:2" >/dev/null
digest=$(aws ecr describe-images --repository-name "$repository" --image-ids imageTag=2 \
    --query 'imageDetails[0].imageDigest' --output text)
docker rmi -f "$image:1" "$image:2" >/dev/null

for reference in ":1" "@$digest"; do
    docker pull --quiet "$image$reference" >/dev/null
    [[ $(docker image inspect --format '{{.Id}}' "$image$reference") == "$id" ]] ||
        { echo "$image$reference is not what was pushed" >&2; exit 1; }
    [[ $(docker run --rm "$image$reference" | cut -c 1-64) == "$expected" ]] ||
        { echo "$image$reference: the payload differs" >&2; exit 1; }
    docker rmi -f "$image$reference" >/dev/null
done
echo "docker: $image@$digest"
