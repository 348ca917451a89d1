-- A claim looks for what is paused; who pauses and resumes needs more.
GRANT SELECT ON :"pauses_table" TO :"role";
