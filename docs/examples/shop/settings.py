"""The settings of the Django guide's shop."""

import os

from psycopg.conninfo import conninfo_to_dict

found = conninfo_to_dict(os.environ.get("PGDSN", ""))

SECRET_KEY = "of the example"
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = ["shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": found.get("dbname"),
        "USER": found.get("user"),
        "PASSWORD": found.get("password"),
        "HOST": found.get("host"),
        "PORT": found.get("port"),
    }
}
TASKS = {
    "default": {
        "BACKEND": "pgqueuer.adapters.django.PgQueuerBackend",
        "QUEUES": ["default", "reports"],
    }
}
