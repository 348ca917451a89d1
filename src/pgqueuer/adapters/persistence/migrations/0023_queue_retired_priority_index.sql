DROP INDEX IF EXISTS :"retired_priority_index";
