DROP INDEX IF EXISTS :"retired_updated_index";
