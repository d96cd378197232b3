#!/usr/bin/env -S weir exec -i
-- Writes livestreams and live inputs to Parquet files. A file appears when it is whole: a run that fails leaves last
-- night's in place. --strict makes an answer that may be cut an error.
--
--     weir exec --strict --var folder=/srv/export -i examples/nightly_export.sql

SELECT :'folder' || '/livestreams.parquet' AS livestreams, :'folder' || '/live_inputs.parquet' AS inputs \gset

COPY (
    SELECT a.name AS app, l.id, l.name, l.status, l.meeting_id, l.created_at, l.updated_at
    FROM cloudflare.realtime_kit.apps AS a
    JOIN cloudflare.realtime_kit.livestreams AS l ON l.app_id = a.id
) TO :'livestreams';

COPY (
    SELECT uid, name, enabled, created, modified, meta FROM cloudflare.stream.live_inputs
) TO :'inputs';
