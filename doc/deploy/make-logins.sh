#!/bin/sh
# Makes the database and its two logins. The image of Postgres runs this once, on an empty volume.
set -eu
secrets=${SECRETS:-/run/secrets}
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres \
  --set=owner_password="$(cat "$secrets/database-owner-password")" \
  --set=app_password="$(cat "$secrets/database-password")" <<'SQL'
create role paperclip_owner login password :'owner_password';
create role paperclip_app login password :'app_password';
create database paperclip owner paperclip_owner;
SQL
