-- Version 4: who signed what a channel's mark stands for, as names of keys with spaces
-- between. Only a lost key of theirs lets the channel begin anew. Empty where nobody knows.

ALTER TABLE high_water ADD COLUMN signers TEXT NOT NULL DEFAULT '';
UPDATE high_water SET signers = coalesce(
    (SELECT history.signers FROM history
     WHERE history.sha256 = high_water.sha256
     AND history.channel = high_water.channel
     AND history.version = high_water.version
     AND history.action IN ('installed', 'accepted')
     ORDER BY history.id DESC LIMIT 1),
    '');
