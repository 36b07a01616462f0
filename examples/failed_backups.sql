-- Whose last backup went wrong, or never was?
--
--   dovtab fleet.db ".read examples/failed_backups.sql"
--
-- The API's list has no documented order, so the last one is asked for by time.

WITH backups AS MATERIALIZED (
  SELECT i.droplet_id, i.name, i.team, a.status, a.started_at,
         row_number() OVER (PARTITION BY i.droplet_id ORDER BY a.started_at DESC) AS nth
  FROM inventory i
  LEFT JOIN droplet_actions a ON a.droplet_id = i.droplet_id AND a.type = 'backup'
)
SELECT name, team, coalesce(status, 'never') AS last_backup, started_at
FROM backups
WHERE nth = 1 AND status IS NOT 'completed'
ORDER BY name;
