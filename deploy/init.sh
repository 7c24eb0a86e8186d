#!/bin/sh
# Makes what an installation needs of its own and does not have yet: settings, secrets, certificates. Its arguments are
# those of `rejesha init`. They are kept in REJESHA_HOME, which is this directory where nothing else is said.
set -eu
cd "$(dirname "$0")"
if [ -t 0 ]; then terminal=--interactive\ --tty; else terminal=; set -- --yes "$@"; fi

# As root, to give each secret to the user that the containers run as, and with no other right of root's.
docker run --rm $terminal --user 0 --network none --read-only --cap-drop ALL \
    --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER --volume "${REJESHA_HOME:-$PWD}:/installation" \
    --env REJESHA_HOST --env REJESHA_SHORTCODES --env REJESHA_ADMIN_PHONES \
    --env REJESHA_TEXTSMS_PARTNER_ID --env REJESHA_TEXTSMS_SHORTCODE --env REJESHA_TEXTSMS_API_KEY \
    "rejesha/command:${REJESHA_VERSION:-latest}" init /installation "$@"
