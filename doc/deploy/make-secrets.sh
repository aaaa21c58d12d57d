#!/bin/sh
# Makes the secrets of compose.yaml in a folder beside this file, or in the one that is given. Files that exist are kept.
set -eu
folder=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

# The containers read the files under accounts of their own, so the folder, and not the mode of the files, keeps others out.
keep() {
  [ -s "$folder/$1" ] && return
  cat > "$folder/$1.new"
  chmod 444 "$folder/$1.new"
  mv "$folder/$1.new" "$folder/$1"
}
random() { od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n'; }

for name in postgres-password database-password database-owner-password board-token; do
  random | keep "$name"
done
od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' | keep secrets-master-key
printf 'postgres://paperclip_app:%s@postgres:5432/paperclip' "$(cat "$folder/database-password")" | keep database-url
printf 'postgres://paperclip_owner:%s@postgres:5432/paperclip' "$(cat "$folder/database-owner-password")" | keep database-owner-url
