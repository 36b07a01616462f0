-- Shut down a team's Droplets and power off those that do not listen.
--
--   dovtab fleet.db ".read examples/shut_down_team.sql"
--
-- A shutdown asks the system inside. One that does not listen may end errored, and it may
-- end completed, with the machine still on: so what is on after two minutes is powered off.

INSERT INTO droplet_actions(droplet_id, type)
SELECT droplet_id, 'shutdown' FROM inventory WHERE team = 'storefront';

CREATE TEMP TABLE asked AS
SELECT droplet_id, droplet_actions_outcome(droplet_id, action_id, 120) AS came_to
FROM dovtab_posts WHERE type = 'shutdown';

INSERT INTO droplet_actions(droplet_id, type)
SELECT droplet_id, 'power_off' FROM asked JOIN droplets USING (droplet_id)
WHERE droplets.status <> 'off';

SELECT droplet_id, type,
       coalesce(droplet_actions_outcome(droplet_id, action_id), outcome) AS came_to, error
FROM dovtab_posts
ORDER BY droplet_id, seq;
