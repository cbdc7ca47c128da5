#!/bin/sh
# Makes the passwords that docker-compose.yml asks for, once, in deploy/compose/secrets/.
# Compose mounts these files as they are, and services read them as users of their own: so each file can be read by all
# and written by nobody, and the folder around them, which no container sees, lets in its owner alone.
set -eu
cd "$(dirname "$0")"
umask 077

if [ -e secrets ]; then
    echo "There are passwords in $PWD/secrets; a new one must be set in the running database or Grafana too." >&2
    exit 1
fi

password() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

fresh=$(mktemp -d secrets.XXXXXX)
trap 'rm -rf "$fresh"' EXIT
password >"$fresh/grafana-password"
password >"$fresh/database-password"
cat >"$fresh/database-service" <<END
[imip]
host=database
dbname=imip
user=imip
password=$(cat "$fresh/database-password")
END
chmod 444 "$fresh"/*
mkdir -m 755 "$fresh/receivers"
mv "$fresh" secrets
echo "Made $PWD/secrets. Grafana's user is admin, its password stands in grafana-password."
echo "Alerts go to the webhooks whose URLs you write to receivers/page-url and receivers/ticket-url," \
    "readable by all as the others are."
