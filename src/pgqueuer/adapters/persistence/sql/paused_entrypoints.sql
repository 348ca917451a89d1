-- What is paused, by name.
SELECT pause.entrypoint, pause.since, pause.reason
FROM :"pauses_table" AS pause
ORDER BY pause.entrypoint;
