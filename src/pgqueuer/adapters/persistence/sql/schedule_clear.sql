-- Removes every schedule.
DELETE FROM :"schedules_table";
