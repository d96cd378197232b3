#!/usr/bin/env -S weir exec -i
-- Makes a live input for each line of a CSV file. Every line is checked before the first request is sent.
--
--     weir exec --dry-run --var file=examples/inputs.csv -i examples/bulk_create.sql
--     weir exec --var file=examples/inputs.csv --outcomes outcomes.jsonl -i examples/bulk_create.sql
--
-- A run that was cut off is in the journal: `weir resume` lists such runs, `weir resume RUN` goes on with one, and makes
-- nothing twice: each request carries a key that the API knows again.

INSERT INTO cloudflare.stream.live_inputs (meta, recording, delete_recording_after_days)
SELECT json_object('name', name, 'owner', owner),
       json_object('mode', mode),
       keep_days
FROM :'file'
RETURNING uid, name, success;
