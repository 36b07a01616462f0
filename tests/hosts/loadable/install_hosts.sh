#!/usr/bin/env bash
# Installs the programs that the tests run dovtab in, each pinned where its
# source lets it be, and leaves alone what is installed already:
#     bash install_hosts.sh PYTHON FOLDER
# PYTHON is any Python with pip; FOLDER gets all that does not come from Debian.
set -euo pipefail

PACKAGES="chromium libdbd-sqlite3-perl libsqlite3-tcl libsqliteodbc php-cli php-sqlite3
    postgresql-15 postgresql-plpython3-15 python3 python3-pyodbc python3-venv ruby ruby-sqlite3 sqlite3 tcl tcllib unixodbc"
FROM_PIP="datasette==0.65.5 sqlite-utils==4.2.1"
# What the examples of the data people's tools need, and dovtab itself but for its code.
FRAMES="pandas==3.1.1 polars==2.1.0 pyarrow==26.0.1 duckdb==2.0.1 adbc-driver-sqlite==1.13.0
    jupysql==0.11.1 ipython==9.18.1 sqlalchemy==2.1.9 apsw!=3.54.0.0,!=3.54.1.0 httpx orjson
    PyYAML tqdm dask[dataframe,distributed]==2026.8.0 pytest hypothesis"
# The version of SQLAlchemy that Superset still has.
OLD="sqlalchemy==1.4.54 pytest apsw!=3.54.0.0,!=3.54.1.0 httpx orjson PyYAML tqdm"
FROM_NPM=better-sqlite3@12.11.1
FROM_MAVEN=org.xerial:sqlite-jdbc:3.53.4.0
COPY=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy

python=$(command -v "$1")
mkdir -p "$2"
folder=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)

# step NAME KEY: runs the function NAME, unless it was through with the same KEY before.
# What it prints is shown only if it fails.
step() {
    if [ "$(cat "$folder/$1.done" 2>/dev/null)" = "$2" ]; then return; fi
    rm -f "$folder/$1.done"
    # A process of its own, as -e does not reach into a function that is tested.
    if (set -e; "from_$1") >"$folder/$1.log" 2>&1 </dev/null & wait $!; then
        echo "$2" >"$folder/$1.done"
        rm "$folder/$1.log"
    else
        echo "install_hosts: $1 failed" >&2
        tail -n 20 "$folder/$1.log" >&2
        return 1
    fi
}

from_debian() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends $PACKAGES
}

# Debian's Python, as many others are built without load_extension, which a program
# installed with them lacks, too. It may have no pip of its own.
from_pip() {
    rm -rf "$folder/python"
    /usr/bin/python3 -m venv --without-pip "$folder/python"
    "$python" -m pip --python "$folder/python/bin/python" --disable-pip-version-check \
        install -q $FROM_PIP
}

from_frames() {
    rm -rf "$folder/frames"
    "$python" -m venv "$folder/frames"
    "$folder/frames/bin/pip" --disable-pip-version-check install -q $FRAMES
}

from_sqlalchemy14() {
    rm -rf "$folder/sqlalchemy14"
    "$python" -m venv "$folder/sqlalchemy14"
    "$folder/sqlalchemy14/bin/pip" --disable-pip-version-check install -q $OLD
}

from_maven() {
    rm -rf "$folder/jdbc"
    mvn -q -B "$COPY" -Dartifact="$FROM_MAVEN" -DoutputDirectory="$folder/jdbc"
}

# Both compile SQLite: unoptimized in a third of the time.
from_npm() {
    rm -rf "$folder/node"
    mkdir "$folder/node"
    cd "$folder/node"
    echo '{"private": true}' >package.json
    npm_config_build_from_source=true JOBS=2 CFLAGS=-O0 CXXFLAGS=-O0 \
        npm install --silent --no-audit --no-fund --foreground-scripts "$FROM_NPM"
    node -e 'new (require("better-sqlite3"))(":memory:")'
}

from_go() {
    cd "$here/runners/go"
    CGO_ENABLED=1 CGO_CFLAGS="-O0 -g0" go build -buildvcs=false -o "$folder/go_runner" .
}

installed() { dpkg-query -W -f '${db:Status-Abbrev}\n' $PACKAGES 2>/dev/null; }

debian_and_pip() {
    # Asked of Debian itself: a folder may be older than the machine it is on.
    if [ "$(installed | grep -c '^ii')" != "$(wc -w <<<"$PACKAGES")" ]; then
        rm -f "$folder/debian.done"
    fi
    step debian "$PACKAGES"
    step pip "$FROM_PIP"
    step maven "$FROM_MAVEN"
}

debian_and_pip &
jobs=$!
{ step frames "$FRAMES" && step sqlalchemy14 "$OLD"; } &
jobs="$jobs $!"
step npm "$FROM_NPM $(node --version)" &
jobs="$jobs $!"
step go "$(cat "$here"/runners/go/*.go "$here"/runners/go/go.* | sha256sum)" &
jobs="$jobs $!"
status=0
for job in $jobs; do wait "$job" || status=1; done
exit "$status"
