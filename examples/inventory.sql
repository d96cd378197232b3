#!/usr/bin/env -S weir exec -i
-- Livestreams by app: how many there are of each status, and when the last one began.
-- The apps are listed once; then the livestreams of each app, several apps at a time.
--
--     weir exec -i examples/inventory.sql

SELECT a.name AS app,
       l.status,
       count(*) AS livestreams,
       max(l.created_at) AS latest
FROM cloudflare.realtime_kit.apps AS a
JOIN cloudflare.realtime_kit.livestreams AS l ON l.app_id = a.id
GROUP BY a.name, l.status
ORDER BY a.name, l.status;
