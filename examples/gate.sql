#!/usr/bin/env -S weir exec -i
-- A gate for CI: ends with exit code 7 and a sentence when something is not as it must be. It only reads.
--
--     weir exec --read-only --events events.jsonl -i examples/gate.sql
--     weir exec --read-only --var app=14a396e7-ca44-4937-bf1f-050a69118543 -i examples/gate.sql

ASSERT (SELECT count(*) FROM cloudflare.realtime_kit.apps) > 0,
       'the account has no app';

ASSERT NOT EXISTS (
    SELECT uid FROM cloudflare.stream.live_inputs WHERE enabled AND name LIKE 'test%'
), 'an input that was made for tests is enabled';

\if :{?app}
ASSERT (
    SELECT count(*) FROM cloudflare.realtime_kit.livestreams WHERE app_id = :app AND status = 'ERRORED'
) < 1000, 'too many livestreams of the app have failed';
\endif
