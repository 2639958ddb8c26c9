"""``python -m airflow_provider``"""

from __future__ import annotations

from airflow_provider.cli.main import app

if __name__ == "__main__":
    app(prog_name="python -m airflow_provider")
