-- Shut down a team's Droplets and, for those still on after two minutes, power off.
--
--   dovtab fleet.db ".read examples/shut_down_team.sql"

INSERT INTO droplet_actions(droplet_id, type)
SELECT droplet_id, 'shutdown' FROM inventory WHERE team = 'storefront';

-- A shutdown asks the system inside; one that does not listen is an errored action.
CREATE TEMP TABLE asked AS
SELECT droplet_id, droplet_actions_wait(droplet_id, action_id, 120) ->> 'status' AS status
FROM dovtab_posts WHERE type = 'shutdown' AND outcome = 'sent';

INSERT INTO droplet_actions(droplet_id, type)
SELECT droplet_id, 'power_off' FROM asked WHERE status <> 'completed';

SELECT droplet_id, type, droplet_actions_wait(droplet_id, action_id) ->> 'status' AS status
FROM dovtab_posts WHERE outcome = 'sent' ORDER BY droplet_id, seq;
