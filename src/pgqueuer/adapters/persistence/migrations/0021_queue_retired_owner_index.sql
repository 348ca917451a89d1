DROP INDEX IF EXISTS :"retired_owner_index";
