-- Resize a team's Droplets. A Droplet is resized while it is off, so each is
-- powered off, resized and powered on; all Droplets go at once.
--
--   dovtab fleet.db ".read examples/resize_team.sql"

INSERT INTO droplet_actions(droplet_id, type)
SELECT droplet_id, 'power_off' FROM inventory WHERE team = 'storefront';
CREATE TEMP TABLE off AS
SELECT droplet_id, droplet_actions_wait(droplet_id, action_id) ->> 'status' AS status
FROM dovtab_posts WHERE type = 'power_off' AND outcome = 'sent';

INSERT INTO droplet_actions(droplet_id, type, attributes)
SELECT droplet_id, 'resize', '{"size": "s-2vcpu-4gb"}' FROM off WHERE status = 'completed';
CREATE TEMP TABLE resized AS
SELECT droplet_id, droplet_actions_wait(droplet_id, action_id, 3600) ->> 'status' AS status
FROM dovtab_posts WHERE type = 'resize' AND outcome = 'sent';

-- What is off goes on again, whether or not it was resized.
INSERT INTO droplet_actions(droplet_id, type)
SELECT droplet_id, 'power_on' FROM off WHERE status = 'completed';

SELECT droplet_id, type, droplet_actions_wait(droplet_id, action_id) ->> 'status' AS status
FROM dovtab_posts WHERE outcome = 'sent' ORDER BY droplet_id, seq;
