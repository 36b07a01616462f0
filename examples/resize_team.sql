-- Resize a team's Droplets. A Droplet is resized while it is off, so each is
-- powered off, resized and powered on; all Droplets go at once.
--
--   dovtab fleet.db ".read examples/resize_team.sql"
--
-- after says what a step waits for: the resize goes only if the power_off was completed;
-- the power_on goes whatever came of both, so that no machine stays off. (One that was off
-- before is on then, too.)

INSERT INTO droplet_actions(droplet_id, type, attributes, after)
SELECT droplet_id, type, attributes, after
FROM inventory JOIN (
  SELECT 1 AS step, 'power_off' AS type, NULL AS attributes, NULL AS after
  UNION ALL SELECT 2, 'resize', '{"size": "s-2vcpu-4gb"}', 'completed'
  UNION ALL SELECT 3, 'power_on', NULL, 'ended'
)
WHERE team = 'storefront'
ORDER BY droplet_id, step;

SELECT droplet_id, type,
       coalesce(droplet_actions_outcome(droplet_id, action_id), outcome) AS came_to, error
FROM dovtab_posts
ORDER BY droplet_id, seq;
