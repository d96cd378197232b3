#!/usr/bin/env -S weir exec -i
-- A gate for CI: ends with exit code 7 and a sentence when something is not as it must be.
--
--     weir exec --read-only --events events.jsonl -i examples/gate.sql

ASSERT (SELECT count(*) FROM cloudflare.realtime_kit.apps) > 0,
       'the account has no app';

ASSERT NOT EXISTS (
    SELECT uid FROM cloudflare.stream.live_inputs WHERE enabled AND delete_recording_after_days < 30
), 'recordings of an enabled input are deleted within a month';

\if :{?app}
ASSERT (
    SELECT count(*) FROM cloudflare.realtime_kit.livestreams WHERE app_id = :app AND status = 'ERRORED'
) < 100, 'too many livestreams of the app have failed';
\endif
