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


def database(root):
    """MariaDB, which makes its tables when it is first started and follows the primary if it is to."""
    shell_root(root)
    for name in ["mariadbd", "mariadb", "my_print_defaults", "resolveip"]:
        path = shutil.which(name, path="/usr/sbin:/usr/bin")
        if path:
            for part in [path, *libraries(path)]:
                add(root, part)
    shutil.copytree("/usr/share/mysql", os.path.join(root, "usr/share/mysql"))
    for name, text in {"install": INSTALL, "start": START}.items():
        with open(os.path.join(root, name), "w") as file:
            file.write(text)
        os.chmod(os.path.join(root, name), 0o755)
    with open(os.path.join(root, "etc", "passwd"), "a") as file:
        file.write("mysql:x:1001:1001::/data:/bin/sh\n")
    os.makedirs(os.path.join(root, "etc/mysql"))
    os.makedirs(os.path.join(root, "data"))


DATABASE = ["ENV PATH=/usr/sbin:/usr/bin:/bin"]

INSTALL = r"""#!/bin/bash
set -e
mkdir -p /data/db
if [[ -e /data/db/installed ]]; then echo "the tables are there"; exit; fi
# A statement a line: so it is read while there is no server.
{
    echo "create database if not exists mysql;
use mysql;
set @auth_root_socket = null, @skip_auth_anonymous = 1, @current_hostname = 'localhost';"
    cd /usr/share/mysql
    cat mysql_system_tables.sql mysql_performance_tables.sql mysql_system_tables_data.sql fill_help_tables.sql
    echo "flush privileges;
alter user root@localhost identified by '$MYSQL_ROOT_PASSWORD';
create user root@'%' identified by '$MYSQL_ROOT_PASSWORD';
grant all on *.* to root@'%' with grant option;"
    # Not in the log that secondaries follow, so they have the same from the beginning.
    echo "create user replicator@'%' identified by '$MYSQL_REPLICATION_PASSWORD';
grant replication slave on *.* to replicator@'%';
create database \`$MYSQL_DATABASE\`;
create user '$MYSQL_USER'@'%' identified by '$MYSQL_PASSWORD';
grant all on \`$MYSQL_DATABASE\`.* to '$MYSQL_USER'@'%';"
} >/tmp/install.sql
mariadbd --no-defaults --bootstrap --datadir=/data/db --tmpdir=/tmp --lc-messages-dir=/usr/share/mysql \
    --innodb-buffer-pool-size=16M --innodb-log-file-size=8M </tmp/install.sql
touch /data/db/installed
echo "the tables are made"
"""

START = """#!/bin/bash
set -e
number=${POD_NAME##*-}
[[ $ROLE == primary ]] && id=1 || id=$((100 + number))
if [[ $ROLE == secondary ]]; then
    # Once the server answers it is told whom to follow; it keeps that.
    (
        until mariadb -uroot -p"$MYSQL_ROOT_PASSWORD" -e 'select 1' >/tmp/asked 2>&1; do sleep 0.2; done
        mariadb -uroot -p"$MYSQL_ROOT_PASSWORD" -e "stop slave; change master to master_host='$PRIMARY_HOST',
            master_user='replicator', master_password='$MYSQL_REPLICATION_PASSWORD', master_use_gtid=slave_pos,
            master_connect_retry=1; start slave;"
        echo "follows $PRIMARY_HOST"
    ) &
fi
exec mariadbd --defaults-file=/etc/mysql/my.cnf --datadir=/data/db --tmpdir=/tmp \\
    --lc-messages-dir=/usr/share/mysql --server-id="$id" --user=mysql
"""


def admin(root):
    """A page that shows the databases of a server."""
    shell_root(root)
    for part in [shutil.which("mariadb"), *libraries(shutil.which("mariadb"))]:
        add(root, part)
    os.makedirs(os.path.join(root, "www/cgi-bin"))
    scripts = {
        # For administrators: with the password of root.
        "databases": 'mariadb -h "$PMA_HOST" -uroot -p"$MYSQL_ROOT_PASSWORD" -N -e "show databases"',
        # For applications: a row more with every request, and how many there are.
        "visits": 'mariadb -h "$DB_SERVER" -u"$DB_USER" -p"$DB_PWD" "$DB_NAME" -N -e '
        '"create table if not exists visits (pod text); insert into visits values (\'$HOSTNAME\'); '
        'select pod, count(*) from visits group by pod"',
    }
    for name, command in scripts.items():
        path = os.path.join(root, "www/cgi-bin", name)
        with open(path, "w") as file:
            file.write(f'#!/bin/bash\nprintf "Content-Type: text/plain\\r\\n\\r\\n"\n{command} 2>&1\n')
        os.chmod(path, 0o755)


ADMIN = ["ENV PATH=/usr/bin:/bin", 'CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]']
