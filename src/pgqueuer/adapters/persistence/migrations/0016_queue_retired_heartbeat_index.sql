DROP INDEX IF EXISTS :"retired_index";
