-- Snapshot every Droplet of a team, once a day: run it again as often as you like,
-- also after it was broken off. A Droplet that has its snapshot is left alone.
--
--   dovtab fleet.db ".read examples/snapshot_once.sql"
--
-- fleet.db has a table inventory(droplet_id, name, team).

INSERT INTO droplet_actions(droplet_id, type, attributes)
SELECT i.droplet_id, 'snapshot', json_object('name', i.name || ' ' || date('now'))
FROM inventory i
WHERE i.team = 'storefront'
  AND NOT EXISTS (
    SELECT 1 FROM droplet_actions a
    WHERE a.droplet_id = i.droplet_id
      -- With the set the Droplets are asked for side by side, and not one by one.
      AND a.droplet_id IN (SELECT droplet_id FROM inventory WHERE team = 'storefront')
      AND a.type = 'snapshot' AND a.status <> 'errored' AND a.started_at >= date('now')
  );

-- Also those that were begun before the script was broken off.
SELECT i.name, coalesce(droplet_actions_outcome(a.droplet_id, a.id), p.outcome, 'none') AS came_to,
       p.error
FROM inventory i
LEFT JOIN droplet_actions a
  ON a.droplet_id = i.droplet_id
  AND a.droplet_id IN (SELECT droplet_id FROM inventory WHERE team = 'storefront')
  AND a.type = 'snapshot' AND a.started_at >= date('now')
LEFT JOIN dovtab_posts p ON p.droplet_id = i.droplet_id AND p.type = 'snapshot'
WHERE i.team = 'storefront';
