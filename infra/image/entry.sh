#!/bin/sh
# Tells the model server which model it has, then starts it as the base image would.
set -eu
set -a
. "$(dirname -- "$0")/server.env"
set +a
exec "${LAMBDA_ENTRYPOINT:-/lambda-entrypoint.sh}" "$@"
