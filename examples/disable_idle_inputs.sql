#!/usr/bin/env -S weir exec -i
-- Disables live inputs that nothing is connected to and that were made before a day.
-- Look first: with --dry-run the reads are run, and each write is shown in place of being sent.
--
--     weir exec --dry-run --var before=2025-09-01 -i examples/disable_idle_inputs.sql
--     weir exec --var before=2025-09-01 -i examples/disable_idle_inputs.sql
--
-- The state of an input is not in the list; it is asked for only where the other conditions hold.

SET max_affected = 50;

UPDATE cloudflare.stream.live_inputs
SET enabled = false
WHERE enabled
  AND created < :'before'
  AND status_state IS DISTINCT FROM 'connected'
RETURNING uid, name, created, enabled;
