#!/usr/bin/env bash
# skopeo: a multi-arch index there and back, by tag and by digest, bytes compared.
# usage: skopeo.sh REPOSITORY
set -euo pipefail
# boto3 and version 1 of the aws command read only the older name.
export AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-${AWS_REGION:-us-east-1}}
here=$(cd "$(dirname "$0")" && pwd)
repository=$1
registry=${AWS_ENDPOINT_URL#http://}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

aws ecr create-repository --repository-name "$repository" >/dev/null 2>&1 || true
aws ecr get-login-password |
    skopeo login --tls-verify=false --authfile "$scratch/auth" --username AWS --password-stdin "$registry" >/dev/null
digest=$(python3 "$here/oci_layout.py" "$scratch/there" "$repository")
copy=(skopeo copy --quiet --all --preserve-digests --authfile "$scratch/auth" --src-tls-verify=false --dest-tls-verify=false)

"${copy[@]}" "oci:$scratch/there:multi" "docker://$registry/$repository:multi"
for reference in ":multi" "@$digest"; do
    rm -rf "$scratch/back"
    "${copy[@]}" "docker://$registry/$repository$reference" "oci:$scratch/back:multi"
    diff -r "$scratch/there/blobs" "$scratch/back/blobs"
done
# One of its platforms, without --all.
inspected=$(skopeo inspect --authfile "$scratch/auth" --tls-verify=false --override-arch arm64 \
    --format '{{.Architecture}}' "docker://$registry/$repository:multi")
[[ $inspected == arm64 ]] || { echo "arm64 answered $inspected" >&2; exit 1; }
echo "skopeo: $registry/$repository@$digest"
