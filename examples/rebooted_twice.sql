-- Which Droplets were rebooted more than once in the last seven days?
--
--   dovtab fleet.db ".read examples/rebooted_twice.sql"
--
-- One request for each Droplet of the inventory.

SELECT i.name, i.team, count(*) AS reboots, max(a.started_at) AS last
FROM inventory i
JOIN droplet_actions a ON a.droplet_id = i.droplet_id
WHERE a.type IN ('reboot', 'power_cycle')
  AND a.started_at > strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-7 days')
GROUP BY i.droplet_id
HAVING reboots > 1
ORDER BY reboots DESC, i.name;
