"""Images made of this machine's own programs, built and pushed with docker."""

import os
import shutil
import subprocess
import tempfile

# busybox is static, and cannot look up names for that; bash is there for that.
APPLETS = "sh sleep echo cat id env ls nc httpd touch mkdir hostname dd kill true false ps date head grep df test".split()


def libraries(program):
    """What a program is linked with, the loader too."""
    lines = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout.splitlines()
    words = [word for line in lines for word in line.split() if word.startswith("/")]
    return words


def add(root, path, at=None):
    """Puts a file of this machine below a directory, where links lead to what they mean."""
    to = os.path.join(root, (at or path).lstrip("/"))
    os.makedirs(os.path.dirname(to), exist_ok=True)
    shutil.copy(os.path.realpath(path), to)


def shell_root(root):
    add(root, shutil.which("busybox"), "/bin/busybox")
    for applet in APPLETS:
        os.symlink("busybox", os.path.join(root, "bin", applet))
    for path in [shutil.which("bash"), *libraries(shutil.which("bash"))]:
        add(root, path, "/bin/bash" if path.endswith("/bash") else path)
    os.makedirs(os.path.join(root, "tmp"), mode=0o777)
    os.makedirs(os.path.join(root, "etc"), exist_ok=True)
    with open(os.path.join(root, "etc", "passwd"), "w") as file:
        file.write("root:x:0:0::/root:/bin/sh\nshop:x:1000:1000::/tmp:/bin/sh\n")


def push(shell, repository, tag, fill, lines):
    """Builds an image of what `fill` puts into a directory and pushes it to a repository that is made if
    need be; what it is called in a production manifest."""
    registry = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    try:
        shell.aws("ecr", "create-repository", "--repository-name", repository)
    except Exception as failed:
        if "RepositoryAlreadyExistsException" not in str(failed):
            raise
    password = shell.aws("ecr", "get-login-password")
    shell.run("docker", "login", "--username", "AWS", "--password-stdin", registry, stdin=password)
    name = f"{registry}/{repository}:{tag}"
    with tempfile.TemporaryDirectory() as folder:
        root = os.path.join(folder, "root")
        os.mkdir(root)
        fill(root)
        with open(os.path.join(folder, "Dockerfile"), "w") as file:
            file.write("FROM scratch\nCOPY root /\n" + "".join(f"{line}\n" for line in lines))
        shell.environ["DOCKER_BUILDKIT"] = "0"
        shell.run("docker", "build", "--quiet", "--tag", name, folder, timeout=300)
    shell.run("docker", "push", "--quiet", name, timeout=300)
    shell.run("docker", "rmi", "--force", name)
    region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    return f"000000000000.dkr.ecr.{region}.amazonaws.com/{repository}:{tag}"


def shop(root):
    """A web shop: a page that says which pod answers."""
    shell_root(root)
    os.makedirs(os.path.join(root, "www"))
    with open(os.path.join(root, "start"), "w") as file:
        file.write("#!/bin/sh\necho \"open at $PORT\"\nhostname > /www/index.html\nexec httpd -f -p $PORT -h /www\n")
    os.chmod(os.path.join(root, "start"), 0o755)


SHOP = ['ENV PORT=8080 PATH=/bin', 'ENTRYPOINT ["/start"]']
