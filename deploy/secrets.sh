#!/bin/sh
# Makes the secrets of compose.yaml, once: what is there stays. They are in no image, in no environment, and in no log.
set -eu
umask 077
folder=$(dirname "$0")/secrets
mkdir -p "$folder"
random() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
[ -e "$folder/postgres_password" ] || random > "$folder/postgres_password"
[ -e "$folder/sealing_key" ] || random > "$folder/sealing_key"
[ -e "$folder/database_url" ] ||
  printf 'postgresql://gatehouse:%s@postgres:5432/gatehouse?sslmode=disable' "$(cat "$folder/postgres_password")" > "$folder/database_url"
# The containers read them as the users that they run as, and nobody else can enter this folder.
chmod 700 "$folder"
chmod 644 "$folder"/*
