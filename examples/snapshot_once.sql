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

SELECT i.name, coalesce(droplet_actions_outcome(p.droplet_id, p.action_id), p.outcome) AS came_to,
       p.error
FROM dovtab_posts p JOIN inventory i USING (droplet_id)
WHERE p.type = 'snapshot';
