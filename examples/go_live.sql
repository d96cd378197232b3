#!/usr/bin/env -S weir exec -i
-- Starts the livestream of a meeting, waits until it is LIVE, and shows where it can be watched.
-- It fails when the meeting is not LIVE after two minutes; the livestream was then started all the same.
--
--     weir exec --var app=14a396e7-ca44-4937-bf1f-050a69118543 --var meeting=00f39e8f-0327-4119-9a25-3750aa7fd713 -i examples/go_live.sql

SET wait = '120s';

INSERT /*+ AWAIT */ INTO cloudflare.realtime_kit.livestreams (app_id, meeting_id, name)
VALUES (:app, :meeting, 'all hands')
RETURNING id, status;

SELECT name, status, playback_url
FROM cloudflare.realtime_kit.active_livestream
WHERE app_id = :app AND meeting_id = :meeting;
