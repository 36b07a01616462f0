-- What is being done right now? A Droplet with an action in progress refuses others.
--
--   dovtab fleet.db ".read examples/running_now.sql"

SELECT i.name, a.id, a.type, a.started_at,
       unixepoch() - unixepoch(a.started_at) AS seconds
FROM inventory i
JOIN droplet_actions a ON a.droplet_id = i.droplet_id
WHERE a.status = 'in-progress'
ORDER BY a.started_at;
