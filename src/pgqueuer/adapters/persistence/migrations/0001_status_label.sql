-- A label can not be used in the transaction that adds it: run this alone.
ALTER TYPE :"queue_status_type" ADD VALUE IF NOT EXISTS :'label';
